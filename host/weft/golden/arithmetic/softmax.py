"""Softmax and its logarithm over the last axis: LiteRT's kernels."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.fixed_point import (
    INT32_MAX,
    exponential,
    high,
    logarithm,
    reciprocal,
    shift_right,
)
from weft.golden.arithmetic.requantize import double_rounding, quantize_multiplier

__all__ = ["log_softmax_fixed_point", "softmax_fixed_point", "softmax_float32"]

Int64 = NDArray[np.int64]

_SCALED_BITS = 5  # integer bits of the scaled difference: Q5.26
_SUM_BITS = 12  # integer bits of the sum of exponentials: Q12.19
_LOGARITHM_BITS = 4  # integer bits of the logarithm's result: Q4.4


def _scaling(scale: float) -> tuple[int, int, int]:
    """Return multiplier and exponent that bring differences to Q5.26, and the least one."""
    real = min(scale * (1 << 31 - _SCALED_BITS), float(INT32_MAX))
    multiplier, exponent = quantize_multiplier(real)
    radius = ((1 << _SCALED_BITS) - 1) * (1 << 31 - _SCALED_BITS) / 2.0**exponent
    return multiplier, exponent, -int(radius)


@lru_cache(maxsize=64)
def _powers(scale: float) -> tuple[Int64, int]:
    """Return exp(-scale * d) in Q0.31 for each difference d, and the least that counts."""
    multiplier, exponent, least = _scaling(scale)
    difference = -np.arange(256)
    counted = np.where(difference >= least, difference, 0)
    return exponential(high(counted << max(exponent, 0), multiplier)), least


def _differences(x: NDArray[np.int8]) -> Int64:
    return x.astype(np.int64) - x.max(-1, keepdims=True).astype(np.int64)


def softmax_fixed_point(
    x: NDArray[np.int8], *, scale: float, beta: float, bits: int = 8
) -> NDArray[np.signedinteger]:
    """Return softmax(beta * x) over the last axis, of ``bits`` 8 or 16.

    It is int8 of scale 1/256 and zero point -128, or int16 of 1/65536 and -32768. ``scale`` is that
    of ``x``, int8 of any shape. Integers only, as LiteRT's reference kernel.
    """
    table, least = _powers(beta * scale)
    difference = _differences(x)
    counted = difference >= least
    powers = table[-difference]
    total = np.where(counted, shift_right(powers, _SUM_BITS), 0).sum(-1, keepdims=True)
    leading_zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    inverse = reciprocal((total << leading_zeros) - (1 << 31))
    shift = _SUM_BITS - leading_zeros + 31 - bits
    value = shift_right(high(powers, inverse), shift)
    least, most = -(1 << bits - 1), (1 << bits - 1) - 1
    stored = np.clip(np.where(counted, value, 0) + least, least, most)
    return stored.astype(np.int8 if bits == 8 else np.int16)


def softmax_float32(x: NDArray[np.int8], *, scale: np.float32, beta: float) -> NDArray[np.int8]:
    """Return the same as LiteRT's default kernel: a table of exponentials, summed in float32."""
    factor = -scale * np.float32(beta)
    powers = np.exp((factor * np.arange(256, dtype=np.float32)).astype(np.float64))
    values = powers.astype(np.float32)[-_differences(x)]
    total = np.zeros(x.shape[:-1], np.float32)
    for index in range(x.shape[-1]):
        total = total + values[..., index]
    inverse = np.float32(1) / (total * np.float32(1 / 256))
    value = np.floor(values * inverse[..., None] + np.float32(0.5))
    return np.clip(value - 128, -128, 127).astype(np.int8)


def log_softmax_fixed_point(x: NDArray[np.int8], *, scale: float) -> NDArray[np.int8]:
    """Return ln(softmax(x)) over the last axis, in int8 of scale 1/16 and zero point 127."""
    multiplier, exponent, least = _scaling(scale)
    difference = _differences(x)
    counted = difference >= least
    scaled = double_rounding(np.where(counted, difference, 0), multiplier, exponent)
    powers = shift_right(exponential(scaled), _SUM_BITS)
    total = logarithm(np.where(counted, powers, 0).sum(-1, keepdims=True))
    # What lies so far below the maximum that its logarithm leaves Q5.26.
    inverse = quantize_multiplier((1 << 31 - exponent) / multiplier)
    bound = np.maximum(least - 1, double_rounding(total - (1 << 31), *inverse))
    inside = difference > bound
    scaled = double_rounding(np.where(inside, difference, 0), multiplier, exponent)
    value = shift_right(scaled - total, 31 - _SCALED_BITS - _LOGARITHM_BITS) + 127
    return np.where(inside, np.clip(value, -128, 127), -128).astype(np.int8)

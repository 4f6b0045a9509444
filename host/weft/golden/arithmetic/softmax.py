"""Softmax over the last axis: LiteRT's fixed-point kernel (gemmlowp's exponential)."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import quantize_multiplier

__all__ = ["softmax_fixed_point"]

Int64 = NDArray[np.int64]

_INT32_MAX = (1 << 31) - 1
_SCALED_BITS = 5  # integer bits of the scaled difference: Q5.26
_SUM_BITS = 12  # integer bits of the sum of exponentials: Q12.19
# exp(-2**k) in Q0.31 for k = -2 ... 4.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def _high(a: Int64, b: Int64 | int) -> Int64:
    return np.minimum((a * b + (1 << 30)) >> 31, _INT32_MAX)


def _shift_right(value: Int64, bits: int) -> Int64:
    mask = (1 << bits) - 1
    return (value >> bits) + ((value & mask) > (mask >> 1) + (value < 0))


def _saturating_shift_left(value: Int64, bits: int) -> Int64:
    return np.clip(value << bits, -(1 << 31), _INT32_MAX)


def _exp_near_zero(a: Int64) -> Int64:
    """exp(a) in Q0.31 for a in [-1/4, 0), a Taylor polynomial about -1/8."""
    exp_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = _high(x, x)
    x3, x4 = _high(x2, x), _high(x2, x2)
    tail = _shift_right(_high(_shift_right(x4, 2) + x3, third) + x2, 1)
    return exp_eighth + _high(x + tail, exp_eighth)


def _exp(a: Int64) -> Int64:
    """exp(a) in Q0.31 for a <= 0 in Q5.26."""
    quarter = 1 << 31 - _SCALED_BITS - 2
    fraction = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(fraction << _SCALED_BITS)
    remainder = fraction - a
    for bit, power in enumerate(_POWERS, start=31 - _SCALED_BITS - 2):
        result = np.where(remainder >> bit & 1, _high(result, power), result)
    return np.where(a == 0, _INT32_MAX, result)


def _reciprocal(a: Int64) -> Int64:
    """1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31, by Newton's iteration."""
    half = (a + _INT32_MAX + 1) >> 1
    x = 1515870810 + _high(half, -1010580540)
    for _ in range(3):
        x = x + _saturating_shift_left(_high(x, (1 << 29) - _high(half, x)), 2)
    return _saturating_shift_left(x, 1)


def softmax_fixed_point(x: NDArray[np.int8], *, scale: float, beta: float) -> NDArray[np.int8]:
    """Return softmax(beta * x) over the last axis, in int8 of scale 1/256 and zero point -128.

    ``scale`` is that of ``x``, int8 of any shape. Integers only, as LiteRT's reference kernel.
    """
    real = min(beta * scale * (1 << 31 - _SCALED_BITS), float(_INT32_MAX))
    multiplier, exponent = quantize_multiplier(real)
    radius = ((1 << _SCALED_BITS) - 1) * (1 << 31 - _SCALED_BITS) / 2.0**exponent
    difference = x.astype(np.int64) - x.max(-1, keepdims=True).astype(np.int64)
    counted = difference >= -int(radius)
    scaled = _high(np.where(counted, difference, 0) << max(exponent, 0), multiplier)
    exponential = _exp(scaled)
    total = np.where(counted, _shift_right(exponential, _SUM_BITS), 0).sum(-1, keepdims=True)
    leading_zeros = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    inverse = _reciprocal((total << leading_zeros) - (1 << 31))
    shift = _SUM_BITS - leading_zeros + 31 - 8
    product = _high(exponential, inverse)
    mask = (np.int64(1) << shift) - 1
    value = (product >> shift) + ((product & mask) > (mask >> 1))
    return np.clip(np.where(counted, value, 0) - 128, -128, 127).astype(np.int8)

"""Where XNNPACK has rules of its own: sums, means, and rescaling with 8 fraction bits."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.elementwise import Operand

__all__ = [
    "add_20bit",
    "leaky_relu_8bit",
    "mean_float32",
    "operand_taken",
    "product_taken",
    "rescale_8bit",
    "sum_float32",
    "within_8bit",
]

Edge = tuple[np.float32, int]  # scale and zero point

_FRACTION_BITS = 8


def add_20bit(a: Operand, b: Operand, y: Edge, *, subtract: bool = False) -> NDArray[np.int64]:
    """Return ``a + b`` or ``a - b`` with the output's scale, not yet clamped.

    Both ratios to the output's scale become integers with as many fraction bits as leave the
    larger one 20 to 21 bits; the sum is rounded once, ties up.
    """
    (a_values, a_scale, a_zero), (b_values, b_scale, b_zero) = a, b
    ratios = [np.float32(scale) / np.float32(y[0]) for scale in (a_scale, b_scale)]
    shift = 20 - (int(np.frexp(max(ratios))[1]) - 1)
    a_multiplier, b_multiplier = (int(np.rint(np.ldexp(ratio, shift))) for ratio in ratios)
    b_multiplier = -b_multiplier if subtract else b_multiplier
    total = (a_values.astype(np.int64) - a_zero) * a_multiplier + (
        b_values.astype(np.int64) - b_zero
    ) * b_multiplier
    return ((total + (1 << shift - 1)) >> shift) + y[1]


def mean_float32(total: NDArray[np.int64], count: int, x: Edge, y: Edge) -> NDArray[np.int8]:
    """Return MEAN of ``count`` values whose sums, zero points included, are ``total``.

    Everything is rounded to float32 step by step. Both zero points are one addend, so the mean is
    rounded, ties to even, when the output's zero point is in it.
    """
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    scale = np.float32(x_scale) / np.float32(y_scale) * np.float32(1 / count)
    return _rescaled(total, scale, x_zero * count, y_zero)


def sum_float32(total: NDArray[np.int64], count: int, x: Edge, y: Edge) -> NDArray[np.int8]:
    """Return SUM of ``count`` values whose sums, zero points included, are ``total``."""
    return _rescaled(total, np.float32(x[0]) / np.float32(y[0]), x[1] * count, y[1])


def _rescaled(
    total: NDArray[np.int64], scale: np.float32, x_zero: int, y_zero: int
) -> NDArray[np.int8]:
    offset = np.float32(y_zero) - np.float32(x_zero) * scale
    value = np.rint(total.astype(np.float32) * scale + offset)
    return np.clip(value, -128, 127).astype(np.int8)


def within_8bit(ratio: np.float32) -> bool:
    """Whether XNNPACK takes a rescaling by ``ratio``; otherwise LiteRT's own kernel runs."""
    return bool(2.0**-_FRACTION_BITS <= abs(ratio) <= 2.0 ** (_FRACTION_BITS - 1))


def operand_taken(ratio: np.float32) -> bool:
    """Whether XNNPACK takes a sum of which an operand's scale is ``ratio`` times the result's."""
    return bool(2.0**-10 <= ratio < 2.0**8)


def product_taken(ratio: np.float32) -> bool:
    """Whether XNNPACK takes a product; ``ratio`` is both scales through the result's."""
    return bool(2.0**-16 <= ratio < 2.0**8)


def _rescale(value: NDArray[np.int64], ratio: np.float32) -> NDArray[np.int64]:
    multiplier = int(np.rint(np.float32(1 << _FRACTION_BITS) * ratio))
    return (value * multiplier + (1 << _FRACTION_BITS - 1)) >> _FRACTION_BITS


def rescale_8bit(x: NDArray[np.integer], x_edge: Edge, y_edge: Edge) -> NDArray[np.int64]:
    """Return ``x`` (int8 or uint8) with another scale and zero point, not yet clamped."""
    ratio = np.float32(x_edge[0]) / np.float32(y_edge[0])
    return _rescale(x.astype(np.int64) - x_edge[1], ratio) + y_edge[1]


def leaky_relu_8bit(
    x: NDArray[np.int8], x_edge: Edge, y_edge: Edge, alpha: float
) -> NDArray[np.int8]:
    """Return LEAKY_RELU with one such multiplier above zero and one below."""
    ratio = np.float32(x_edge[0]) / np.float32(y_edge[0])
    value = x.astype(np.int64) - x_edge[1]
    result = np.where(value > 0, _rescale(value, ratio), _rescale(value, ratio * np.float32(alpha)))
    return np.clip(result + y_edge[1], -128, 127).astype(np.int8)

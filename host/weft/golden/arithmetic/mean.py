"""Mean over whole dimensions, with rescaling."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import double_rounding, quantize_multiplier

__all__ = ["mean_fixed_point", "mean_multiplier", "sum_fixed_point", "sums"]


def sums(x: NDArray[np.int8], axes: tuple[int, ...], zero_point: int) -> NDArray[np.int64]:
    """Return the sums of ``x - zero_point`` over ``axes``, which stay as dimensions of size 1."""
    return (x.astype(np.int64) - zero_point).sum(axes, keepdims=True)


def mean_multiplier(scale: float, count: int) -> tuple[int, int]:
    """Return LiteRT's (multiplier, exponent) of ``scale / count``.

    The count divides the Q31 multiplier as an integer, after a shift that keeps its precision.
    """
    multiplier, exponent = quantize_multiplier(scale)
    shift = min(count.bit_length() - 1, 32, 31 + exponent)
    return (multiplier << shift) // count, exponent - shift


def mean_fixed_point(
    total: NDArray[np.int64], *, scale: float, count: int, zero_point: int
) -> NDArray[np.int8]:
    """Return LiteRT's MEAN of ``count`` values whose sums are ``total``."""
    value = double_rounding(total, *mean_multiplier(scale, count)) + zero_point
    return np.clip(value, -128, 127).astype(np.int8)


def sum_fixed_point(total: NDArray[np.int64], *, scale: float, zero_point: int) -> NDArray[np.int8]:
    """Return LiteRT's SUM of values whose sums are ``total``."""
    value = double_rounding(total, *quantize_multiplier(scale)) + zero_point
    return np.clip(value, -128, 127).astype(np.int8)

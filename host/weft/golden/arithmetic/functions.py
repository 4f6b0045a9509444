"""Functions of one tensor that are operators of TFLite's own, as tables of 256 values."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.activation import ALL_INT8, Edge, table_litert
from weft.golden.arithmetic.fixed_point import reciprocal_root
from weft.golden.arithmetic.requantize import double_rounding, quantize_multiplier

__all__ = [
    "absolute_table",
    "exponential_table",
    "inverse_root_table",
    "logarithm_table",
    "prelu",
    "prelu_table",
]

Table = NDArray[np.int8]
Float32 = NDArray[np.float32]


def _store(value: NDArray[np.int64], zero_point: int) -> Table:
    return np.clip(value + zero_point, -128, 127).astype(np.int8)


def exponential_table(x: Edge, y: Edge) -> Table:
    """Return LiteRT's EXP."""
    return table_litert(lambda real: np.exp(real.astype(np.float64)).astype(np.float32), x, y)


def logarithm_table(x: Edge, y: Edge) -> Table:
    """Return LiteRT's LOG; what has no logarithm gives the least value."""

    def logarithm(real: Float32) -> Float32:
        positive = np.where(real > 0, real, np.float32(1)).astype(np.float64)
        return np.where(real > 0, np.log(positive), -1e9).astype(np.float32)

    return table_litert(logarithm, x, y)


def absolute_table(x: Edge, y: Edge) -> Table:
    """Return LiteRT's ABS."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    value = np.abs(ALL_INT8.astype(np.int64) - x_zero)
    if x_scale != y_scale:
        value = double_rounding(value, *quantize_multiplier(float(x_scale / y_scale)))
    return _store(value, y_zero)


def inverse_root_table(x: Edge, y: Edge) -> Table:
    """Return LiteRT's RSQRT; zero and negative numbers give the greatest value."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    scale = 1 / float(np.sqrt(x_scale) * y_scale)
    multiplier, exponent = quantize_multiplier(scale)
    result = np.full(256, 127, np.int64)
    for index, value in enumerate(ALL_INT8.astype(np.int64) - x_zero):
        if value > 0:
            root, shift = reciprocal_root(int(value))
            data = double_rounding(np.array(1), root, shift + _ROOT_BITS)
            scaled = double_rounding(data, multiplier, exponent - _ROOT_BITS)
            result[index] = np.clip(scaled + y_zero, -128, 127)
    return result.astype(np.int8)


_ROOT_BITS = 20  # by which roots are shifted so that they stay integers


def prelu_table(x: Edge, y: Edge, slope_scale: np.float32, slope: int) -> Table:
    """Return LiteRT's PRELU of one channel: ``slope`` steps of ``slope_scale`` below zero."""
    return prelu(ALL_INT8, np.array(slope), x, y, (slope_scale, 0))


def prelu(x: Table, slopes: NDArray[Any], x_edge: Edge, y_edge: Edge, slope: Edge) -> Table:
    """Return LiteRT's PRELU of int8 ``x``; ``slope`` is scale and zero point of ``slopes``."""
    (x_scale, x_zero), (y_scale, y_zero), (scale, zero) = x_edge, y_edge, slope
    value = x.astype(np.int64) - x_zero
    above = double_rounding(value, *quantize_multiplier(float(x_scale / y_scale)))
    below = float(x_scale * scale / y_scale)
    product = value * (slopes.astype(np.int64) - zero)
    negative = double_rounding(product, *quantize_multiplier(below))
    return _store(np.where(value >= 0, above, negative), y_zero)

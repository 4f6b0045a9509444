"""Activation functions on int8, each computed for all 256 values at once: a table."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import double_rounding, quantize_multiplier, round_away

__all__ = [
    "ALL_INT8",
    "elu",
    "gelu",
    "hard_swish_fixed_point",
    "leaky_relu_fixed_point",
    "logistic",
    "lookup",
    "rectify_fixed_point",
    "table_litert",
    "table_onnx",
    "tanh",
]

Float32 = NDArray[np.floating]  # float32 in fact
Int64 = NDArray[np.int64]
Table = NDArray[np.int8]
Edge = tuple[np.float32, int]  # scale and zero point

# Every int8 value, at the index that its two's complement bits spell.
ALL_INT8 = np.arange(256).astype(np.uint8).view(np.int8)


def lookup(x: NDArray[np.int8], table: Table) -> NDArray[np.int8]:
    """Return ``table[x & 255]``; ``x`` is int8 of any shape.

    ``table`` is int8 (256,), or (channels, 256) for the last dimension of ``x``.
    """
    if table.ndim == 2:
        return table[np.arange(len(table)), x.view(np.uint8)]
    return table[x.view(np.uint8)]


def _each(function: Callable[[float], float], x: Float32) -> Float32:
    """Apply a function of the C library, correctly rounded to float32."""
    with np.errstate(over="ignore"):
        return np.array([function(float(value)) for value in x.reshape(-1)]).astype(np.float32)


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def logistic(x: Float32) -> Float32:
    """Return 1 / (1 + exp(-x)), every step rounded to float32."""
    return np.float32(1) / (np.float32(1) + _each(_exp, -x))


def tanh(x: Float32) -> Float32:
    """Return the hyperbolic tangent."""
    return _each(math.tanh, x)


def elu(x: Float32) -> Float32:
    """Return x where positive, else exp(x) - 1."""
    return np.where(x < 0, _each(math.expm1, np.minimum(x, np.float32(0))), x)


def gelu(x: Float32, *, approximate: bool) -> Float32:
    """Return x times the normal distribution function of x, or its tanh approximation.

    Every step is rounded to float32, in LiteRT's order.
    """
    half, one = np.float32(0.5), np.float32(1)
    if approximate:
        root = np.float32(math.sqrt(2 / math.pi))
        inner = root * (x + np.float32(0.044715) * x * x * x)
        return half * x * (one + _each(math.tanh, inner))
    return half * x * _each(math.erfc, x * np.float32(-math.sqrt(0.5)))


def table_litert(function: Callable[[Float32], Float32], x: Edge, y: Edge) -> Table:
    """Return the table that LiteRT builds: ties away from zero, times the inverse scale."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    real = x_scale * (ALL_INT8.astype(np.int64) - x_zero).astype(np.float32)
    with np.errstate(over="ignore"):
        scaled = function(real) * (np.float32(1) / y_scale)
    return np.clip(round_away(scaled) + y_zero, -128, 127).astype(np.int8)


def table_onnx(function: Callable[[Float32], Float32], x: Edge, y: Edge) -> Table:
    """Return the table of ONNX's definition: divided by the scale, ties to even."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    real = x_scale * (ALL_INT8.astype(np.int64) - x_zero).astype(np.float32)
    return np.clip(np.rint(function(real) / y_scale) + y_zero, -128, 127).astype(np.int8)


def rectify_fixed_point(x: Edge, y: Edge, low: int, high: int) -> Table:
    """Return LiteRT's RELU, RELU6 or RELU_N1_TO_1: rescaled, then clamped to low ... high."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    multiplier, exponent = quantize_multiplier(float(x_scale / y_scale))
    scaled = double_rounding(ALL_INT8.astype(np.int64) - x_zero, multiplier, exponent)
    return np.clip(scaled + y_zero, low, high).astype(np.int8)


def leaky_relu_fixed_point(x: Edge, y: Edge, alpha: float) -> Table:
    """Return LiteRT's LEAKY_RELU: one multiplier above zero, one times alpha below."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    value = ALL_INT8.astype(np.int64) - x_zero
    slope = float(x_scale * np.float32(alpha) / y_scale)
    above = double_rounding(value, *quantize_multiplier(float(x_scale / y_scale)))
    below = double_rounding(value, *quantize_multiplier(abs(slope)))
    below = -below if slope < 0 else below
    return np.clip(np.where(value >= 0, above, below) + y_zero, -128, 127).astype(np.int8)


def _saturate16(value: Int64) -> Int64:
    return np.clip(value, -(1 << 15), (1 << 15) - 1)


def _rounding_high(a: Int64, b: int) -> Int64:
    """Saturating rounding doubling high multiplication of 16 bits (gemmlowp)."""
    product = a * b
    nudge = np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    total = product + nudge
    return _saturate16(np.sign(total) * (np.abs(total) >> 15))


def _shift_right(value: Int64, bits: int) -> Int64:
    mask = (1 << bits) - 1
    return (value >> bits) + ((value & mask) > (mask >> 1) + (value < 0))


def _multiplier16(scale: np.float32) -> tuple[int, int]:
    multiplier, exponent = quantize_multiplier(float(scale))
    return min((multiplier + (1 << 15)) >> 16, (1 << 15) - 1), exponent


def hard_swish_fixed_point(x: Edge, y: Edge) -> Table:
    """Return LiteRT's HARD_SWISH, x * clamp(x + 3, 0, 6) / 6 in 16-bit fixed point."""
    (x_scale, x_zero), (y_scale, y_zero) = x, y
    fine = np.float32(1 / 128) * x_scale
    out_multiplier, out_exponent = _multiplier16(fine / y_scale)
    gate_multiplier, gate_exponent = _multiplier16(fine / np.float32(3.0 / 32768.0))
    value = (ALL_INT8.astype(np.int64) - x_zero) << 7
    scaled = _rounding_high(value, out_multiplier)
    gate = value
    if gate_exponent > 0:
        gate = _saturate16(gate << (gate_exponent - 1))
    gate = _rounding_high(gate, gate_multiplier)
    if gate_exponent > 0:
        gate = _saturate16(gate << 1)
    if gate_exponent < 0:
        gate = _shift_right(gate, -gate_exponent)
    gate = (gate + (1 << 15)) >> 1
    # The last product truncates towards zero, which cancels the bias of the roundings before.
    product = gate * scaled
    product = np.sign(product) * (np.abs(product) >> 15)
    result = _shift_right(product, max(-out_exponent, 0)) + y_zero
    return np.clip(result, -128, 127).astype(np.int8)

"""Element-wise addition and multiplication of two int8 tensors of different scales."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import (
    OutputStage,
    double_rounding,
    multiply,
    quantize_multiplier,
)

__all__ = ["Operand", "add", "multiply_tensors", "squared_difference"]

Operand = tuple[NDArray[np.int8], float, int]  # values, scale, zero point

# Bits by which LiteRT shifts both operands before it scales them.
_LEFT_SHIFT = 20


def add(
    a: Operand, b: Operand, output: OutputStage, *, output_scale: float, subtract: bool = False
) -> NDArray[np.int8]:
    """Return ``a + b`` (or ``a - b``) as the runtime that ``output.rule`` names computes it.

    ``DOUBLE`` and ``HALF_UP`` are LiteRT's: both operands are shifted left by 20 bits, scaled to
    twice the larger scale, added, and scaled to the output. ``output.scale`` is not used.
    """
    (a_values, a_scale, a_zero), (b_values, b_scale, b_zero) = a, b
    sign = -1 if subtract else 1
    common = 2.0 * max(a_scale, b_scale)
    left = (a_values.astype(np.int64) - a_zero) << _LEFT_SHIFT
    right = (b_values.astype(np.int64) - b_zero) << _LEFT_SHIFT
    total = multiply(left, a_scale / common, output.rule) + sign * multiply(
        right, b_scale / common, output.rule
    )
    scaled = multiply(total, common / ((1 << _LEFT_SHIFT) * output_scale), output.rule)
    return np.clip(scaled + output.zero_point, output.low, output.high).astype(np.int8)


def multiply_tensors(a: Operand, b: Operand, output: OutputStage) -> NDArray[np.int8]:
    """Return ``output((a - a_zero) * (b - b_zero))``; operands broadcast."""
    (a_values, _, a_zero), (b_values, _, b_zero) = a, b
    return output((a_values.astype(np.int64) - a_zero) * (b_values.astype(np.int64) - b_zero))


# Bits by which LiteRT shifts the operands of a squared difference.
_SQUARED_SHIFT = 7


def squared_difference(a: Operand, b: Operand, y_scale: float, y_zero: int) -> NDArray[np.int8]:
    """Return LiteRT's ``(a - b)**2``: both scaled to twice the larger scale, then squared."""
    common = 2.0 * max(a[1], b[1])
    left, right = (
        double_rounding(
            (values.astype(np.int64) - zero) << _SQUARED_SHIFT, *quantize_multiplier(scale / common)
        )
        for values, scale, zero in (a, b)
    )
    scale = common * common / ((1 << 2 * _SQUARED_SHIFT) * y_scale)
    square = double_rounding((left - right) ** 2, *quantize_multiplier(scale))
    return np.clip(square + y_zero, -128, 127).astype(np.int8)

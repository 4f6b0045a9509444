"""Element-wise operators as ONNX Runtime's x86-64 kernels (AVX2 with FMA) compute them.

They work in float32, so that the last bit depends on the order of operations; ``unsigned`` says
that the file's tensors are uint8, whose zero points are 128 higher.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.elementwise import Operand
from weft.golden.arithmetic.pool import Padding, Pair, window_counts, windows
from weft.golden.arithmetic.row_means import means_float32

__all__ = [
    "add_float32",
    "average_pool_float32",
    "binary_real",
    "conv2d_float32",
    "float32_average",
    "float32_sums",
    "mean_real",
    "multiply_float32",
    "softmax_table",
    "subtract_float32",
]

Edge = tuple[np.float32, int]
Int8 = NDArray[np.int8]


def _fused(a: NDArray[np.float32], b: np.float32, c: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fused multiply-add: one rounding; the product of 8 and 24 bits is exact in float64."""
    return (a.astype(np.float64) * np.float64(b) + c.astype(np.float64)).astype(np.float32)


def _store(value: NDArray[np.float32], zero_point: int, offset: int) -> Int8:
    rounded = np.rint(np.clip(value.astype(np.float64), -1e6, 1e6)) + zero_point - offset
    return np.clip(rounded, -128, 127).astype(np.int8)


def add_float32(a: Operand, b: Operand, y: Edge, *, unsigned: bool) -> Int8:
    """Return QLinearAdd: ``rint(a * ra + (b * rb + (y0 - (ra * a0 + rb * b0))))``.

    ``ra`` and ``rb`` are the float32 ratios of the operands' scales to the output's; both products
    are fused with their sums.
    """
    offset = 128 if unsigned else 0
    (a_values, a_scale, a_zero), (b_values, b_scale, b_zero) = a, b
    ratio_a = np.float32(a_scale) / np.float32(y[0])
    ratio_b = np.float32(b_scale) / np.float32(y[0])
    zero = np.float32(y[1] + offset)
    product_b = ratio_b * np.float32(b_zero + offset)
    zeros = _fused(np.array([a_zero + offset], np.float32), ratio_a, np.array([product_b]))
    fixed = zero - zeros
    part = _fused((b_values.astype(np.int64) + offset).astype(np.float32), ratio_b, fixed)
    total = _fused((a_values.astype(np.int64) + offset).astype(np.float32), ratio_a, part)
    return _store(total, 0, offset)


def subtract_float32(a: Operand, b: Operand, y: Edge, *, unsigned: bool) -> Int8:
    """Return Sub, for which there is no integer kernel."""
    return binary_real("SUB", a, b, y)


def binary_real(operator: str, a: Operand, b: Operand, y: Edge) -> Int8:
    """Return ADD, SUB or MUL of real numbers in float32, quantised afterwards."""
    real_a, real_b = (
        np.float32(scale) * (values.astype(np.int64) - zero).astype(np.float32)
        for values, scale, zero in (a, b)
    )
    function = {"ADD": np.add, "SUB": np.subtract, "MUL": np.multiply}[operator]
    steps = np.rint(function(real_a, real_b) / np.float32(y[0]))
    return _store(steps, y[1], 0)


def multiply_float32(a: Operand, b: Operand, y: Edge, *, unsigned: bool) -> Int8:
    """Return QLinearMul: ``rint((a - a0) * (b - b0) * (sa * sb / sy) + y0)`` in float32."""
    offset = 128 if unsigned else 0
    (a_values, a_scale, a_zero), (b_values, b_scale, b_zero) = a, b
    ratio = np.float32(a_scale) * np.float32(b_scale) / np.float32(y[0])
    product = (a_values.astype(np.int64) - a_zero) * (b_values.astype(np.int64) - b_zero)
    total = product.astype(np.float32) * ratio + np.float32(y[1] + offset)
    return _store(total, 0, offset)


def average_pool_float32(
    x: Int8,
    x_edge: Edge,
    y_edge: Edge,
    *,
    kernel: Pair,
    stride: Pair,
    padding: Padding,
    unsigned: bool,
    real: str | None = None,
) -> Int8:
    """Return QLinearAveragePool: float32 sums in row order, divided, divided by the scale.

    With ``real`` AveragePool of real numbers and QuantizeLinear, which adds the zero point after
    it has rounded. ``"columns"``: the sums of each column of a window come first; ``"sequence"``:
    row order.
    """
    numbers = np.float32(x_edge[0]) * (x.astype(np.int64) - x_edge[1]).astype(np.float32)
    view: NDArray[Any] = windows(numbers, kernel, stride, (1, 1), padding, 0)
    total = np.zeros(view.shape[:4], np.float32)
    if real == "columns":
        for j in range(kernel[1]):
            column = np.zeros_like(total)
            for i in range(kernel[0]):
                column = column + view[..., i, j]
            total = total + column
    else:
        for i, j in np.ndindex(*kernel):
            total = total + view[..., i, j]
    counts = window_counts(x.shape[1:3], kernel=kernel, stride=stride, padding=padding)  # type: ignore
    if real:
        mean = total / counts.astype(np.float32)
        return _store(np.rint(mean / np.float32(y_edge[0])), y_edge[1], 0)
    return float32_average(total, counts.astype(np.float32), y_edge, unsigned=unsigned)


def mean_real(x: Int8, x_edge: Edge, y_edge: Edge, order: str) -> Int8:
    """Return means over rows and columns in float32, then quantised; int8 (batch, channels).

    ``x`` is int8 (batch, height, width, channels); the runtime sums it channel by channel, in the
    ``order`` of :func:`weft.golden.arithmetic.row_means.means_float32`.
    """
    real = np.float32(x_edge[0]) * (x.astype(np.int64) - x_edge[1]).astype(np.float32)
    rows = real.transpose(0, 3, 1, 2).reshape(x.shape[0] * x.shape[3], -1)
    means = means_float32(rows, order).reshape(x.shape[0], x.shape[3])
    return _store(np.rint(means / np.float32(y_edge[0])), y_edge[1], 0)


def conv2d_float32(
    x: NDArray[np.float32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> NDArray[np.float32]:
    """Return a float32 Conv: fused multiply-adds by channel, row and column, then the bias.

    Parameters
    ----------
    x : ndarray, float32, shape (batch, height, width, channels)
    weights : ndarray, float32, shape (out, kernel_h, kernel_w, channels / groups)
    bias : ndarray, float32, shape (out,)
    """
    out, kernel_h, kernel_w, depth = weights.shape
    view: NDArray[Any] = windows(x, (kernel_h, kernel_w), stride, dilation, padding, 0)
    per_group = out // groups
    total = np.zeros((*view.shape[:3], out), np.float32)
    for group in range(groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        for channel, i, j in np.ndindex(depth, kernel_h, kernel_w):
            taps = view[..., group * depth + channel, i, j].astype(np.float64)[..., None]
            products = taps * weights[rows, i, j, channel].astype(np.float64)
            total[..., rows] = (products + total[..., rows]).astype(np.float32)
    return total + bias


def float32_average(
    total: NDArray[np.float32], count: NDArray[np.float32] | int, y_edge: Edge, *, unsigned: bool
) -> Int8:
    """Return the last steps of QLinearAveragePool: what it makes of float32 sums."""
    offset = 128 if unsigned else 0
    mean = total / np.float32(count)
    return _store(mean / np.float32(y_edge[0]) + np.float32(y_edge[1] + offset), 0, offset)


def float32_sums(
    count: int, scale: np.float32, zero_point: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the least and the greatest float32 sum of ``count`` values, for each integer sum.

    Entry ``k`` belongs to values q with ``sum q = k - 128 * count``. Float32 addition is
    monotonic, so the extremes of ``k`` terms follow from those of ``k - 1``.
    """
    real = np.float32(scale) * (np.arange(-128, 128) - zero_point).astype(np.float32)
    least, most = real, real
    for terms in range(2, count + 1):
        size = 255 * terms + 1
        low, high = np.full(size, np.inf, np.float32), np.full(size, -np.inf, np.float32)
        for index, value in enumerate(real):
            part = slice(index, index + len(least))
            np.minimum(low[part], least + value, out=low[part])
            np.maximum(high[part], most + value, out=high[part])
        least, most = low, high
    return least, most


def softmax_table(x: Int8, x_scale: np.float32, y: Edge) -> Int8:
    """Return QLinearSoftmax over the last axis: exponentials from a float32 table.

    They are so large that a row's sum stays below the greatest float32; the logarithm that says how
    large is a float32 itself.
    """
    size = x.shape[-1]
    most = np.finfo(np.float32).max / np.float32(size)
    room = max(0.0, float(np.float32(np.log(np.float64(most)))) - 5) / float(x_scale)
    steps = np.arange(256, dtype=np.float64) - 255 + room
    table = np.exp(steps * float(x_scale)).astype(np.float32)
    index = 255 + x.astype(np.int64) - x.max(-1, keepdims=True).astype(np.int64)
    value = table[index]
    total = np.zeros(x.shape[:-1], np.float32)
    for position in range(size):
        total = total + value[..., position]
    quotient = value * (np.floor(np.float32(1) / np.float32(y[0])) / total[..., None])
    return np.clip(np.rint(quotient) + y[1], -128, 127).astype(np.int8)

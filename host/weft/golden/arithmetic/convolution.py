"""Accumulators of convolutions and fully connected layers, as exact integers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.products import product

__all__ = ["conv2d", "depthwise_conv2d", "fully_connected", "transpose_conv2d", "windows"]

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
Int32 = NDArray[np.int32]

# Bytes that one im2col matrix should take, so that it stays in the cache; layers go in pieces
# of rows.
_PIECE_BYTES = 1 << 20


def windows(
    image: NDArray[np.generic],
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    padding: Padding = (0, 0, 0, 0),
    fill: int = 0,
) -> NDArray[np.generic]:
    """Return a view (batch, out_h, out_w, channels, kernel_h, kernel_w) of all windows.

    ``image`` is (batch, height, width, channels), ``padding`` (top, bottom, left, right).
    """
    top, bottom, left, right = padding
    if any(padding):
        image = np.pad(image, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=fill)
    extent = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(image, extent, axis=(1, 2))  # type: ignore
    return view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def _biased(acc: Int32, bias: NDArray[np.integer] | None) -> Int32:
    if bias is not None:
        # A channel of next to no scale can have a bias that leaves the runtimes' 32 bits.
        acc += bias.astype(np.int32)
    return acc


def _matrix(weights: NDArray[np.int8], zero_point: NDArray[np.integer] | int) -> Any:
    """Return ``weights - zero_point``, float32 of shape (out, the rest)."""
    matrix = weights.reshape(len(weights), -1).astype(np.float32)
    if np.any(zero_point):
        matrix -= np.reshape(np.asarray(zero_point, np.float32), (-1, 1))
    return matrix


def _reach(zero_point: int) -> int:
    """Return the largest magnitude of ``x - zero_point``."""
    return max(127 - zero_point, zero_point + 128)


def _centred(
    x: NDArray[np.int8], zero_point: int, padding: Padding, dtype: type[np.generic]
) -> NDArray[Any]:
    """Return ``x - zero_point`` between rows and columns of zeros."""
    top, bottom, left, right = padding
    batch, height, width, channels = x.shape
    whole = np.zeros((batch, top + height + bottom, left + width + right, channels), dtype)
    inside = whole[:, top : top + height, left : left + width]
    np.subtract(x, dtype(zero_point), out=inside, dtype=dtype)
    return whole


def conv2d(
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    bias: NDArray[np.integer] | None = None,
    *,
    zero_point: int,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
    weight_zero_point: NDArray[np.integer] | int = 0,
) -> Int32:
    """Return ``bias[o] + sum (x - zero_point) * (weights[o] - weight_zero_point[o])``.

    Parameters
    ----------
    x : ndarray, int8, shape (batch, height, width, channels)
    weights : ndarray, int8, shape (out, kernel_h, kernel_w, channels / groups)
    bias : ndarray, int32, shape (out,), optional
    padding : top, bottom, left, right
        Padded pixels hold the zero point.

    Returns
    -------
    ndarray, int32, shape (batch, out_h, out_w, out)
        Sums of 32 bits, which wrap.
    """
    out, kernel_h, kernel_w, depth = weights.shape
    image = _centred(x, zero_point, padding, np.float32)
    # (batch, out_h, out_w, kernel_h, kernel_w, channels), the order of the weights.
    view: NDArray[Any] = image[:, :, :, None, None]
    if (kernel_h, kernel_w, *stride) != (1, 1, 1, 1):
        view = windows(image, (kernel_h, kernel_w), stride, dilation).transpose(0, 1, 2, 4, 5, 3)
    batch, out_h, out_w = view.shape[:3]
    matrix, reach = _matrix(weights, weight_zero_point), _reach(zero_point)
    length, per_group = matrix.shape[1], out // groups
    piece = max(1, _PIECE_BYTES // max(1, 4 * batch * out_w * length))
    if groups == 1 and piece >= out_h:
        sums = product(view.reshape(-1, length), matrix, reach)
        return _biased(sums.reshape(batch, out_h, out_w, out), bias)
    acc = np.empty((batch, out_h, out_w, out), np.int32)
    for group in range(groups):
        channels = slice(group * depth, (group + 1) * depth)
        outputs = slice(group * per_group, (group + 1) * per_group)
        for first in range(0, out_h, piece):
            rows = slice(first, first + piece)
            taps = view[:, rows, ..., channels]
            sums = product(taps.reshape(-1, length), matrix[outputs], reach)
            acc[:, rows, :, outputs] = sums.reshape(*taps.shape[:3], per_group)
    return _biased(acc, bias)


def depthwise_conv2d(
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    bias: NDArray[np.integer] | None = None,
    *,
    zero_point: int,
    stride: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    dilation: Pair = (1, 1),
    depth_multiplier: int = 1,
    weight_zero_point: NDArray[np.integer] | int = 0,
) -> Int32:
    """Return the accumulators of a depthwise convolution.

    Output channel ``o`` reads input channel ``o // depth_multiplier``. ``weights`` are int8
    (1, kernel_h, kernel_w, out); otherwise as :func:`conv2d`.
    """
    _, kernel_h, kernel_w, out = weights.shape
    image = _centred(x, zero_point, padding, np.int32)
    if depth_multiplier > 1:
        image = np.repeat(image, depth_multiplier, axis=-1)
    batch, height, width, _ = image.shape
    out_h = (height - (kernel_h - 1) * dilation[0] - 1) // stride[0] + 1
    out_w = (width - (kernel_w - 1) * dilation[1] - 1) // stride[1] + 1
    taps = weights[0].astype(np.int32) - np.asarray(weight_zero_point, np.int32)
    # Whole rows at a time, every tap repeated along them: NumPy is slow on short axes.
    taps = np.broadcast_to(taps[:, :, None], (kernel_h, kernel_w, out_w, out))
    taps = taps.reshape(kernel_h, kernel_w, -1)
    phases = [
        np.ascontiguousarray(image[:, :, phase :: stride[1]]).reshape(batch, height, -1)
        for phase in range(min(stride[1], width))
    ]
    acc, term = np.empty((2, batch, out_h, out_w * out), np.int32)
    for i in range(kernel_h):
        row = i * dilation[0]
        for j in range(kernel_w):
            column, phase = divmod(j * dilation[1], stride[1])
            rows = phases[phase][:, row : row + (out_h - 1) * stride[0] + 1 : stride[0]]
            values = rows[..., column * out : (column + out_w) * out]
            np.multiply(values, taps[i, j], out=term if i or j else acc)
            if i or j:
                acc += term
    return _biased(acc.reshape(batch, out_h, out_w, out), bias)


def fully_connected(
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    bias: NDArray[np.integer] | None = None,
    *,
    zero_point: int,
    weight_zero_point: NDArray[np.integer] | int = 0,
) -> Int32:
    """Return ``bias + (x - zero_point) @ (weights - weight_zero_point).T``.

    ``x`` is int8 (..., in), ``weights`` int8 (out, in); the result int32 (..., out).
    """
    rows = x.reshape(-1, x.shape[-1]).astype(np.float32) - np.float32(zero_point)
    sums = product(rows, _matrix(weights, weight_zero_point), _reach(zero_point))
    return _biased(sums.reshape(*x.shape[:-1], len(weights)), bias)


def transpose_conv2d(
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    bias: NDArray[np.integer] | None = None,
    *,
    zero_point: int,
    stride: Pair,
    padding: Padding,
    output_shape: Pair,
    weight_zero_point: NDArray[np.integer] | int = 0,
) -> Int32:
    """Return the accumulators of a transposed convolution.

    Input pixel (y, x) adds ``weights[:, i, j]`` to output pixel
    ``(y * stride_y - top + i, x * stride_x - left + j)`` where that lies in ``output_shape``.
    ``weights`` are int8 (out, kernel_h, kernel_w, channels).
    """
    batch, height, width, _ = x.shape
    out, kernel_h, kernel_w, _ = weights.shape
    top, _, left, _ = padding
    full_h = max((height - 1) * stride[0] + kernel_h, top + output_shape[0])
    full_w = max((width - 1) * stride[1] + kernel_w, left + output_shape[1])
    acc = np.zeros((batch, full_h, full_w, out), np.int32)
    values = x.reshape(-1, x.shape[-1]).astype(np.float32) - np.float32(zero_point)
    matrix = _matrix(weights, weight_zero_point).reshape(weights.shape)
    for i in range(kernel_h):
        for j in range(kernel_w):
            rows = slice(i, i + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(j, j + (width - 1) * stride[1] + 1, stride[1])
            sums = product(values, matrix[:, i, j], _reach(zero_point))
            acc[:, rows, columns] += sums.reshape(batch, height, width, out)
    inside = acc[:, top : top + output_shape[0], left : left + output_shape[1]]
    return _biased(inside, bias)

"""Accumulators of convolutions and fully connected layers, as exact integers."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["conv2d", "depthwise_conv2d", "fully_connected", "transpose_conv2d", "windows"]

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
Int64 = NDArray[np.int64]

# Bytes that one im2col matrix may take; larger layers go in pieces of rows.
_PIECE_BYTES = 1 << 26


def windows(
    image: NDArray[np.generic],
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    padding: Padding,
    fill: int,
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


def _wrapped(acc: NDArray[np.number], bias: NDArray[np.integer] | None) -> Int64:
    total = acc.astype(np.int64)
    if bias is not None:
        total += bias.astype(np.int64)
    # A channel of next to no scale can have a bias that leaves the runtimes' 32 bits.
    return total.astype(np.int32).astype(np.int64)


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
) -> Int64:
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
    ndarray, int64, shape (batch, out_h, out_w, out)
        Sums of 32 bits, which wrap.
    """
    out, kernel_h, kernel_w, depth = weights.shape
    view = windows(x, (kernel_h, kernel_w), stride, dilation, padding, zero_point)
    batch, out_h, out_w = view.shape[:3]
    acc = np.empty((batch, out_h, out_w, out), np.float64)
    matrix = weights.astype(np.float64) - np.reshape(
        np.asarray(weight_zero_point, np.float64), (-1, 1, 1, 1)
    )
    per_group = out // groups
    piece = max(1, _PIECE_BYTES // max(1, 8 * batch * out_w * kernel_h * kernel_w * depth))
    for group in range(groups):
        channels = slice(group * depth, (group + 1) * depth)
        outputs = slice(group * per_group, (group + 1) * per_group)
        part = matrix[outputs].transpose(3, 1, 2, 0).reshape(-1, per_group)
        for row in range(0, out_h, piece):
            rows = slice(row, row + piece)
            taps = np.ascontiguousarray(view[:, rows, :, channels]).astype(np.float64)
            taps -= zero_point
            # float64 products and sums of 9-bit by 9-bit integers are exact below 2**53.
            result = taps.reshape(-1, part.shape[0]) @ part
            acc[:, rows, :, outputs] = result.reshape(batch, -1, out_w, per_group)
    return _wrapped(acc, bias)


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
) -> Int64:
    """Return the accumulators of a depthwise convolution.

    Output channel ``o`` reads input channel ``o // depth_multiplier``. ``weights`` are int8
    (1, kernel_h, kernel_w, out); otherwise as :func:`conv2d`.
    """
    _, kernel_h, kernel_w, out = weights.shape
    view = windows(x, (kernel_h, kernel_w), stride, dilation, padding, zero_point)
    taps = weights[0].astype(np.int64) - np.asarray(weight_zero_point, np.int64)
    acc = np.zeros((*view.shape[:3], out), np.int64)
    for i in range(kernel_h):
        for j in range(kernel_w):
            tap = view[..., i, j].astype(np.int64) - zero_point
            if depth_multiplier > 1:
                tap = np.repeat(tap, depth_multiplier, axis=-1)
            acc += tap * taps[i, j]
    return _wrapped(acc, bias)


def fully_connected(
    x: NDArray[np.int8],
    weights: NDArray[np.int8],
    bias: NDArray[np.integer] | None = None,
    *,
    zero_point: int,
    weight_zero_point: NDArray[np.integer] | int = 0,
) -> Int64:
    """Return ``bias + (x - zero_point) @ (weights - weight_zero_point).T``.

    ``x`` is int8 (..., in), ``weights`` int8 (out, in); the result int64 (..., out).
    """
    matrix = weights.astype(np.float64) - np.reshape(
        np.asarray(weight_zero_point, np.float64), (-1, 1)
    )
    return _wrapped((x.astype(np.float64) - zero_point) @ matrix.T, bias)


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
) -> Int64:
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
    acc = np.zeros((batch, full_h, full_w, out), np.float64)
    values = x.astype(np.float64) - zero_point
    matrix = weights.astype(np.float64) - np.reshape(
        np.asarray(weight_zero_point, np.float64), (-1, 1, 1, 1)
    )
    for i in range(kernel_h):
        for j in range(kernel_w):
            rows = slice(i, i + (height - 1) * stride[0] + 1, stride[0])
            columns = slice(j, j + (width - 1) * stride[1] + 1, stride[1])
            acc[:, rows, columns] += values @ matrix[:, i, j].T
    inside = acc[:, top : top + output_shape[0], left : left + output_shape[1]]
    return _wrapped(inside, bias)

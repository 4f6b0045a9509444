"""Convolutions and products of real numbers in float64: weights that a float island left alone."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.convolution import windows

__all__ = ["conv2d_real", "depthwise_conv2d_real", "transpose_conv2d_real"]

Pair = tuple[int, int]
Padding = tuple[int, int, int, int]
Real = NDArray[np.float64]


def conv2d_real(
    x: Real, weights: Real, *, stride: Pair, padding: Padding, dilation: Pair, groups: int
) -> Real:
    """Return ``sum x * weights[o]`` over windows.

    Parameters
    ----------
    x : ndarray, float64, shape (batch, height, width, channels)
        Padded with 0.
    weights : ndarray, float64, shape (out, kernel_h, kernel_w, channels / groups)
    """
    out, kernel_h, kernel_w, depth = weights.shape
    view: NDArray[Any] = windows(x, (kernel_h, kernel_w), stride, dilation, padding, 0)
    grouped = view.reshape(*view.shape[:3], groups, depth, kernel_h, kernel_w)
    matrix = weights.reshape(groups, out // groups, kernel_h, kernel_w, depth)
    total = np.einsum("bhwgcij,goijc->bhwgo", grouped, matrix, optimize=True)
    return total.reshape(*view.shape[:3], out)


def depthwise_conv2d_real(
    x: Real,
    weights: Real,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    depth_multiplier: int,
) -> Real:
    """Return :func:`conv2d_real` of each channel; ``weights`` (1, kernel_h, kernel_w, out)."""
    kernels = weights.transpose(3, 1, 2, 0)
    groups = weights.shape[3] // depth_multiplier
    return conv2d_real(x, kernels, stride=stride, padding=padding, dilation=dilation, groups=groups)


def transpose_conv2d_real(
    x: Real, weights: Real, *, stride: Pair, padding: Padding, output_shape: Pair
) -> Real:
    """Return a transposed convolution; ``weights`` (out, kernel_h, kernel_w, channels).

    Input pixel (y, x) adds ``weights[:, i, j]`` to output pixel
    ``(y * stride_y - top + i, x * stride_x - left + j)`` where that lies in ``output_shape``.
    """
    batch, height, width, _ = x.shape
    out, kernel_h, kernel_w, _ = weights.shape
    (top, _, left, _), (rows, columns) = padding, output_shape
    full = (
        max((height - 1) * stride[0] + kernel_h, top + rows),
        max((width - 1) * stride[1] + kernel_w, left + columns),
    )
    total = np.zeros((batch, *full, out))
    for i, j in np.ndindex(kernel_h, kernel_w):
        below = slice(i, i + (height - 1) * stride[0] + 1, stride[0])
        beside = slice(j, j + (width - 1) * stride[1] + 1, stride[1])
        total[:, below, beside] += x @ weights[:, i, j].T
    return total[:, top : top + rows, left : left + columns]

"""Pooling and means over windows; padding never counts."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.convolution import Padding, Pair, windows

__all__ = ["average", "average_pool2d", "max_pool2d", "window_counts", "window_sums"]


def max_pool2d(
    x: NDArray[np.int8],
    *,
    kernel: Pair,
    stride: Pair,
    dilation: Pair = (1, 1),
    padding: Padding = (0, 0, 0, 0),
    low: int = -128,
    high: int = 127,
) -> NDArray[np.int8]:
    """Return the largest value of each window, clamped; ``x`` is int8 NHWC."""
    view = windows(x, kernel, stride, dilation, padding, -128)
    return np.clip(view.max((-1, -2)), low, high).astype(np.int8)


def window_sums(
    x: NDArray[np.int8],
    *,
    kernel: Pair,
    stride: Pair,
    padding: Padding = (0, 0, 0, 0),
    zero_point: int = 0,
) -> NDArray[np.int64]:
    """Return the sum of ``x - zero_point`` over each window; ``x`` is int8 NHWC."""
    view = windows(x.astype(np.int64) - zero_point, kernel, stride, (1, 1), padding, 0)
    return view.sum((-1, -2))


def window_counts(
    shape: Pair, *, kernel: Pair, stride: Pair, padding: Padding = (0, 0, 0, 0)
) -> NDArray[np.int64]:
    """Return how many pixels of a (height, width) image each window covers: (1, h, w, 1)."""
    ones = np.ones((1, *shape, 1), np.int64)
    return windows(ones, kernel, stride, (1, 1), padding, 0).sum((-1, -2))


def average(
    sums: NDArray[np.int64], counts: NDArray[np.int64] | int, *, unsigned: bool = False
) -> NDArray[np.int64]:
    """Return ``sums / counts`` as LiteRT's integer kernels round it.

    Ties go away from zero; those of ``unsigned`` values, which lie 128 higher, go up.
    """
    if unsigned:
        return (sums + counts // 2) // counts
    return np.sign(sums) * ((np.abs(sums) + counts // 2) // counts)


def average_pool2d(
    x: NDArray[np.int8],
    *,
    kernel: Pair,
    stride: Pair,
    padding: Padding = (0, 0, 0, 0),
    low: int = -128,
    high: int = 127,
    unsigned: bool = False,
) -> NDArray[np.int8]:
    """Return each window's :func:`average`.

    The integers themselves are averaged: LiteRT demands equal input and output quantisation.
    """
    sums = window_sums(x, kernel=kernel, stride=stride, padding=padding)
    counts = window_counts(x.shape[1:3], kernel=kernel, stride=stride, padding=padding)
    mean = average(sums, counts, unsigned=unsigned)
    return np.clip(mean, low, high).astype(np.int8)

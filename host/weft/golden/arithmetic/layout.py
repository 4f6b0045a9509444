"""Operators that only move values, and the position of the largest one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["arg_max", "pad", "resize_nearest"]


def pad(x: NDArray[np.int8], paddings: tuple[tuple[int, int], ...], value: int) -> NDArray[np.int8]:
    """Return ``x`` with ``value`` added ``(before, after)`` times to each dimension."""
    return np.pad(x, paddings, constant_values=value)


def _source(length: int, target: int, *, align_corners: bool, half_pixel: bool) -> np.ndarray:
    if align_corners and target > 1:
        scale = np.float32(length - 1) / np.float32(target - 1)
    else:
        scale = np.float32(length) / np.float32(target)
    offset = np.float32(0.5) if half_pixel else np.float32(0)
    position = (np.arange(target, dtype=np.float32) + offset) * scale
    # Ties of align_corners go away from zero, as C's round.
    index = np.floor(position + np.float32(0.5)) if align_corners else np.floor(position)
    return np.clip(index.astype(np.int64), 0, length - 1)


def resize_nearest(
    x: NDArray[np.int8], size: tuple[int, int], *, align_corners: bool, half_pixel_centers: bool
) -> NDArray[np.int8]:
    """Return the NHWC image ``x`` in another size, each pixel a copy of the nearest one."""
    rows, columns = (
        _source(length, target, align_corners=align_corners, half_pixel=half_pixel_centers)
        for length, target in zip(x.shape[1:3], size, strict=True)
    )
    return x[:, rows[:, None], columns]


def arg_max(
    x: NDArray[Any], axis: int, dtype: np.dtype, *, least: bool = False, last: bool = False
) -> NDArray[np.integer]:
    """Return the index of the largest value along ``axis``, which disappears, or of the ``least``.

    Of several it is the first one, or the ``last``.
    """
    x = np.flip(x, axis) if last else x
    found = x.argmin(axis) if least else x.argmax(axis)
    return (x.shape[axis] - 1 - found if last else found).astype(dtype)

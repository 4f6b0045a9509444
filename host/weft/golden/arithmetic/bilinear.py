"""Images in another size, linear between pixels, as each of the runtimes' kernels does it."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "bilinear_between",
    "bilinear_fixed_point",
    "bilinear_float32",
    "bilinear_litert",
    "bilinear_xnnpack",
]

Pair = tuple[int, int]
Image = NDArray[np.int8]


def _between(length: int, target: int, *, align: bool, half_pixel: bool) -> tuple[np.ndarray, ...]:
    """Return the pixels before and behind each position, and the distance in 1/1024 pixels."""
    scale = ((1 << 10) * length + target // 2) // target
    if align and target > 1:
        scale = ((1 << 10) * (length - 1) + (target - 1) // 2) // (target - 1)
    position = np.arange(target, dtype=np.int64) * scale
    if half_pixel:
        position += scale // 2 - (1 << 9)
    # C divides towards zero, so a position before the first pixel lies at 0 or below.
    before = np.maximum(position >> 10, 0)
    behind = np.minimum(np.maximum(position + 1023, 0) >> 10, length - 1)
    return before, behind, position - (before << 10)


def bilinear_fixed_point(
    x: Image, size: Pair, *, align_corners: bool, half_pixel_centers: bool
) -> Image:
    """Return the reference kernel's result for int8 NHWC images.

    Positions are rounded to 1/1024 of a pixel; ties go away from zero.
    """
    (y0, y1, dy), (x0, x1, dx) = (
        _between(length, target, align=align_corners, half_pixel=half_pixel_centers)
        for length, target in zip(x.shape[1:3], size, strict=True)
    )
    image, one = x.astype(np.int64), np.int64(1 << 10)
    dy, dx = dy[:, None, None], dx[:, None]
    rows = (one - dy) * image[:, y0] + dy * image[:, y1]
    total = (one - dx) * rows[:, :, x0] + dx * rows[:, :, x1]
    rounded = total + np.where(total > 0, 1 << 19, -(1 << 19))
    return (np.sign(rounded) * (np.abs(rounded) >> 20)).astype(np.int8)


def _positions(length: int, target: int, *, align: bool, half_pixel: bool) -> NDArray[np.float32]:
    """Return where each pixel of the result lies, float32."""
    aligned = align and target > 1
    scale = np.float32(length - aligned) / np.float32(target - aligned)
    steps = np.arange(target, dtype=np.float32)
    if half_pixel:
        return (steps + np.float32(0.5)) * scale - np.float32(0.5)
    return steps * scale


def bilinear_float32(
    x: Image, size: Pair, *, align_corners: bool, half_pixel_centers: bool
) -> Image:
    """Return the reference kernel's result for uint8 images, 128 lower; all in float32."""
    image = (x.astype(np.int16) + 128).astype(np.float32)
    total = bilinear_litert(
        image, size, align_corners=align_corners, half_pixel_centers=half_pixel_centers
    )
    return ((total + np.float32(0.5)).astype(np.int64) - 128).astype(np.int8)


def bilinear_litert(
    x: NDArray[Any], size: Pair, *, align_corners: bool, half_pixel_centers: bool
) -> NDArray[Any]:
    """Return the reference kernel's result for float32 NHWC images."""
    corners = []
    for length, target in zip(x.shape[1:3], size, strict=True):
        at = _positions(length, target, align=align_corners, half_pixel=half_pixel_centers)
        before = np.maximum(np.floor(at), 0).astype(np.int64)
        behind = np.minimum(np.ceil(at).astype(np.int64), length - 1)
        corners.append((before, behind, at - before.astype(np.float32)))
    (y0, y1, dy), (x0, x1, dx) = corners
    dy, dx, one = dy[:, None, None], dx[:, None], np.float32(1)
    upper, lower = x[:, y0], x[:, y1]
    total = upper[:, :, x0] * (one - dy) * (one - dx)
    total = total + lower[:, :, x0] * dy * (one - dx)
    total = total + upper[:, :, x1] * (one - dy) * dx
    return total + lower[:, :, x1] * dy * dx


def bilinear_xnnpack(
    x: Image, size: Pair, *, align_corners: bool, half_pixel_centers: bool
) -> Image:
    """Return XNNPACK's result: weights of 11 bits, one rounding, ties up."""
    corners = []
    for length, target in zip(x.shape[1:3], size, strict=True):
        at = _positions(length, target, align=align_corners, half_pixel=half_pixel_centers)
        at = np.clip(at, np.float32(0), np.float32(length - 1))
        before = np.floor(at).astype(np.int64)
        weight = np.rint((at - before.astype(np.float32)) * np.float32(2048)).astype(np.int64)
        corners.append((before, np.minimum(before + 1, length - 1), weight))
    (y0, y1, dy), (x0, x1, dx) = corners
    image, dy, dx = x.astype(np.int64), dy[:, None, None], dx[:, None]
    rows = [
        (row[:, :, x0] << 11) + (row[:, :, x1] - row[:, :, x0]) * dx
        for row in (image[:, y0], image[:, y1])
    ]
    total = (rows[0] << 11) + (rows[1] - rows[0]) * dy
    return ((total + (1 << 21)) >> 22).astype(np.int8)


def bilinear_between(x: NDArray[Any], rows: ArrayLike, columns: ArrayLike) -> NDArray[Any]:
    """Return what lies at ``rows`` and ``columns``, as ONNX Runtime's Resize computes it.

    Parameters
    ----------
    x : ndarray, float32 or float64, shape (batch, height, width, channels)
        The result has its type; each of the four products has two weights and one pixel, and they
        are added in row order.
    rows, columns : array_like
        Positions in pixels, float32, none outside of the image.
    """
    (y0, y1, near_y, far_y), (x0, x1, near_x, far_x) = (
        _beside(np.asarray(at, np.float32), length)
        for at, length in zip((rows, columns), x.shape[1:3], strict=True)
    )
    near_y, far_y = near_y[:, None, None], far_y[:, None, None]
    near_x, far_x = near_x[:, None], far_x[:, None]
    upper, lower = x[:, y0], x[:, y1]
    total = near_x * near_y * upper[:, :, x0]
    total = total + far_x * near_y * upper[:, :, x1]
    total = total + near_x * far_y * lower[:, :, x0]
    return total + far_x * far_y * lower[:, :, x1]


def _beside(at: NDArray[np.float32], length: int) -> tuple[NDArray[Any], ...]:
    """Return the pixels before and behind each position, and their weights.

    At the last pixel both are that one, and each has half of the weight.
    """
    before = np.minimum(at.astype(np.int64), length - 1)
    behind = np.minimum(before + 1, length - 1)
    half, last = np.float32(0.5), before == behind
    near = np.where(last, half, np.abs(at - behind.astype(np.float32)))
    far = np.where(last, half, np.abs(at - before.astype(np.float32)))
    return before, behind, near, far

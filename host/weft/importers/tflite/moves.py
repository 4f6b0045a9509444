"""Operators that move values without changing them."""

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.layer import Layer

__all__ = ["pad", "pad_with", "reshape", "resize_nearest", "transpose"]


def reshape(layer: Layer) -> None:
    """Translate what gives values another shape; the output tensor has it."""
    layer.emit("RESHAPE", layer.names(1))


def transpose(layer: Layer) -> None:
    """Translate TRANSPOSE."""
    layer.emit("TRANSPOSE", layer.names(1), permutation=layer.integers(1))


def _paddings(layer: Layer) -> tuple[tuple[int, int], ...]:
    pairs = layer.constant(1)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ModelError(f"the paddings of {layer.kind} must be pairs, not {pairs.shape}")
    return tuple((int(before), int(after)) for before, after in pairs)


def pad(layer: Layer) -> None:
    """Translate PAD."""
    layer.emit("PAD", layer.names(1), paddings=_paddings(layer))


def pad_with(layer: Layer) -> None:
    """Translate PADV2, whose padding has a value."""
    value = layer.constant(2)
    if value.size != 1 or value.dtype != np.int8:
        raise ModelError(f"the value of {layer.kind} must be one int8 number")
    layer.emit("PAD", layer.names(1), paddings=_paddings(layer), value=int(value.reshape(-1)[0]))


def resize_nearest(layer: Layer) -> None:
    """Translate RESIZE_NEAREST_NEIGHBOR."""
    options = layer.options("ResizeNearestNeighborOptions")
    layer.emit(
        "RESIZE_NEAREST_NEIGHBOR", layer.names(1), align_corners=bool(options.AlignCorners),
        half_pixel_centers=bool(options.HalfPixelCenters),
    )  # fmt: skip

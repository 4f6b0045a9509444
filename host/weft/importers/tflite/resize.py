"""RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""

from typing import Any

import numpy as np

from weft.graph import Runtime
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.tensors import RawTensor

__all__ = ["resize"]


def resize(layer: Layer) -> None:
    """Translate RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR."""
    names = {"RESIZE_BILINEAR": "Bilinear", "RESIZE_NEAREST_NEIGHBOR": "NearestNeighbor"}
    options = layer.options(f"Resize{names[layer.kind]}Options")
    image = layer.input(0).shape
    if layer.input(1).data is not None:
        layer.require_shape(layer.output, (*image[:1], *layer.integers(1), *image[-1:]))
    source, output = layer.input(0), layer.output
    made = output.name
    # The kernels take the integers as they are, whatever scale the result has.
    relabelled = layer.runtime == Runtime.REFERENCE and _differ(source, output)
    if relabelled:
        made = layer.add(output.shape, source.quantization, dtype=output.dtype)
    unsigned: dict[str, Any] = (
        {"unsigned": True} if relabelled and layer.is_unsigned(output) else {}
    )
    layer.emit(
        layer.kind,
        layer.names(1),
        made,
        align_corners=bool(options.AlignCorners),
        half_pixel_centers=bool(options.HalfPixelCenters),
        **unsigned,
    )
    if relabelled:
        layer.emit("RESHAPE", (made,))


def _differ(a: RawTensor, b: RawTensor) -> bool:
    """Whether the numbers of two quantised tensors mean different ones."""
    p, q = a.quantization, b.quantization
    if p is None or q is None:
        return False
    return not (np.array_equal(p.scale, q.scale) and np.array_equal(p.zero_point, q.zero_point))

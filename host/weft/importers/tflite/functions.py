"""Functions of one tensor that LiteRT computes value by value: tables of 256 values."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.tensors import RawTensor

__all__ = ["FUNCTIONS", "function", "negate", "prelu"]

Edge = tuple[np.float32, int]
Table = NDArray[np.int8]

FUNCTIONS: dict[str, Callable[[Edge, Edge], Table]] = {
    "EXP": golden.exponential_table,
    "LOG": golden.logarithm_table,
    "ABS": golden.absolute_table,
    "RSQRT": golden.inverse_root_table,
}


def _edge(tensor: RawTensor) -> Edge:
    quantization = tensor.quantization
    if quantization is None or quantization.scale.size != 1:
        raise ModelError(f"tensor {tensor.name} must be quantised by one scale")
    return quantization.scale[0], int(quantization.zero_point[0])


def function(layer: Layer) -> None:
    """Translate a function of each value."""
    x, y = _edge(layer.input(0)), _edge(layer.output)
    if layer.kind == "RSQRT" and x[1] != -128:
        raise ModelError("RSQRT of values that may be negative, for which LiteRT stops")
    table = FUNCTIONS[layer.kind](x, y)
    layer.emit("TABLE", layer.names(1), table=tuple(table.tolist()))


def negate(layer: Layer) -> None:
    """Translate NEG, which negates the integers themselves."""
    x, y = _edge(layer.input(0)), _edge(layer.output)
    if x[0] != y[0] or x[1] != -y[1]:
        raise ModelError("NEG must have one scale, and zero points that are each other's negative")
    table = np.arange(256, dtype=np.uint8).view(np.int8)
    layer.emit("TABLE", layer.names(1), table=tuple((-table).tolist()))


def prelu(layer: Layer) -> None:
    """Translate PRELU: a table for each channel, one for a number; else a slope for each value."""
    alpha, channels = layer.input(1), layer.input(0).shape[-1]
    slopes = layer.constant(1).reshape(-1)
    if slopes.size not in (1, channels) or alpha.shape[-1:] not in ((slopes.size,), ()):
        layer.emit("PRELU", layer.names(2))
        return
    x, y, (scale, zero_point) = _edge(layer.input(0)), _edge(layer.output), _edge(alpha)
    tables = [golden.prelu_table(x, y, scale, int(slope) - zero_point) for slope in slopes]
    layer.emit("TABLE", layer.names(1), table=tuple(np.concatenate(tables).tolist()))

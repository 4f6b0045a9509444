"""Operators on whole numbers and truth values: positions, comparisons, other types."""

from collections.abc import Callable

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.tensors import RawTensor
from weft.importers.tflite.windows import activation

__all__ = [
    "INTEGERS",
    "LOGICAL",
    "at_positions",
    "cast",
    "compare",
    "computes_integers",
    "gather_nd",
    "logical",
]

_ARITHMETIC = {
    "ABS": "Abs",
    "ADD": "Add",
    "FLOOR_DIV": "FloorDiv",
    "FLOOR_MOD": "Mod",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
    "MUL": "Mul",
    "NEG": "Neg",
    "SUB": "Sub",
}
LOGICAL = {
    "EQUAL": "Equal",
    "GREATER": "Greater",
    "GREATER_EQUAL": "GreaterOrEqual",
    "LESS": "Less",
    "LESS_EQUAL": "LessOrEqual",
    "LOGICAL_AND": "And",
    "LOGICAL_NOT": "Not",
    "LOGICAL_OR": "Or",
    "NOT_EQUAL": "NotEqual",
}
_WHOLE = (np.int32, np.int64)


def computes_integers(layer: Layer) -> bool:
    """Whether an operator does arithmetic with whole numbers alone."""
    if layer.kind not in INTEGERS or not layer.operator.outputs:
        return False
    tensors = [layer.input(i) for i in range(len(layer.operator.inputs)) if layer.has(i)]
    return all(tensor.dtype in _WHOLE for tensor in (*tensors, *layer.outputs))


def _arithmetic(layer: Layer) -> None:
    """Translate arithmetic with int32 or int64."""
    fused = layer.kind in ("ADD", "MUL", "SUB")
    options = layer.optional(f"{layer.kind.capitalize()}Options") if fused else None
    if activation(options) != "NONE":
        raise ModelError(f"{layer.kind} of whole numbers with an activation is not supported")
    _emit(layer, _ARITHMETIC[layer.kind])


INTEGERS: dict[str, Callable[[Layer], None]] = dict.fromkeys(_ARITHMETIC, _arithmetic)


def _emit(layer: Layer, function: str) -> None:
    layer.emit("FUNCTION", layer.names(2), function=function)


def compare(layer: Layer) -> None:
    """Translate a comparison of two tensors."""
    a, b = layer.input(0), layer.input(1)
    if a.dtype != b.dtype or layer.is_unsigned(a) != layer.is_unsigned(b):
        raise ModelError(f"{layer.kind} must have operands of one type")
    _emit(layer, LOGICAL[layer.kind])


def logical(layer: Layer) -> None:
    """Translate a function of truth values."""
    _emit(layer, LOGICAL[layer.kind])


def cast(layer: Layer) -> None:
    """Translate CAST, which takes integers as they are stored, whatever their scale."""
    options = layer.optional("CastOptions")
    if options is not None:
        _ = options.InDataType, options.OutDataType  # the tensors say so
    x, y = layer.input(0), layer.output
    for tensor in (x, y):
        if tensor.dtype == np.int8 or layer.is_unsigned(tensor):
            raise ModelError("CAST of a quantised tensor inside of the network is not supported")
    if x.dtype == np.float32 and y.dtype != np.bool_ and y.dtype != np.float32:
        raise ModelError("CAST of float32 to integers is not supported")
    layer.emit("FUNCTION", layer.names(1), function="Cast")


def gather_nd(layer: Layer) -> None:
    """Translate GATHER_ND."""
    layer.emit("GATHER_ND", layer.names(2), batch_dims=0)


def at_positions(layer: Layer, x: RawTensor, positions: RawTensor, axis: int) -> None:
    """Add GATHER at positions that are computed."""
    names, shape = [x.name, positions.name], x.shape
    order = (axis, *(i for i in range(len(shape)) if i != axis))
    moved = tuple(shape[i] for i in order)
    if order != tuple(range(len(shape))):
        names[0] = layer.add(moved, x.quantization, dtype=x.dtype)
        layer.emit("TRANSPOSE", (x.name,), names[0], permutation=order)
    places = (*positions.shape, 1)
    names[1] = layer.add(places, None, dtype=positions.dtype)
    layer.emit("RESHAPE", (positions.name,), names[1])
    rank = len(positions.shape)
    if axis == 0:
        layer.emit("GATHER_ND", tuple(names), batch_dims=0)
        return
    parts = layer.add((*positions.shape, *moved[1:]), x.quantization, dtype=x.dtype)
    layer.emit("GATHER_ND", tuple(names), parts, batch_dims=0)
    front = range(rank, rank + axis)
    back = range(rank + axis, rank + len(shape) - 1)
    layer.emit("TRANSPOSE", (parts,), permutation=(*front, *range(rank), *back))

"""ONNX's Gather, Tile and Expand: values in any order along dimensions, some of them often."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import Activation, Constant, Value, integers, take

__all__ = ["PICKS", "pick", "picked"]

Operands = tuple[Value | None, ...]
PICKS = ("Gather", "Tile", "Expand")
_MOST = 1 << 24  # values of a result


def picked(
    builder: Builder, name: str, value: Activation, axis: int, indices: Sequence[int], output: str
) -> Activation:
    """Add GATHER of ``indices`` along ``axis``, which counts dimensions as ONNX does."""
    if list(indices) == list(range(value.shape[axis])):
        return value
    if value.layout == "channels_last" and len(value.shape) == 4:
        place = (0, 3, 1, 2)[axis]
    else:
        value, place = builder.plain(value), axis
    stored = list(builder.tensors[value.tensor].shape)
    shape = list(value.shape)
    stored[place] = shape[axis] = len(indices)
    if math.prod(shape) > _MOST:
        raise ModelError(f"a result of shape {tuple(shape)} is too large")
    tensor = builder.emit(
        "GATHER",
        name,
        (value.tensor,),
        output,
        {"axis": place, "indices": tuple(int(i) for i in indices)},
        qparams=value.qparams,
        dtype=builder.tensors[value.tensor].dtype,
        shape=tuple(stored),
    )
    return replace(value, tensor=tensor, shape=tuple(shape))


def pick(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Mapping[str, Any],
    operands: Operands,
    value: Activation,
    output: str,
) -> Activation:
    """Add one of ``PICKS``, whose second operand must be constant."""
    if operator == "Gather":
        return _gather(builder, name, attributes.get("axis", 0), take(operands, 1), value, output)
    numbers, rank = integers(take(operands, 1), f"the shape of {operator}"), len(value.shape)
    if operator == "Expand":
        try:
            target = np.broadcast_shapes(value.shape, numbers)
        except ValueError:
            raise ModelError(f"shape {value.shape} cannot be expanded to {numbers}") from None
        if len(target) > rank:
            wide = (*(1,) * (len(target) - rank), *value.shape)
            value = builder.reshaped(builder.plain(value), wide, f"{output}/wide")
        times = tuple(a // b for a, b in zip(target, value.shape, strict=True))
    else:
        times = numbers
    if len(times) != len(value.shape) or min(times, default=1) < 1:
        raise ModelError(f"{operator} {times} times does not fit shape {value.shape}")
    for axis, count in enumerate(times):
        if value.shape[axis] * count > _MOST:
            raise ModelError(f"{operator} {times} times of {value.shape} is too large")
        indices = list(range(value.shape[axis])) * count
        value = picked(builder, f"{name}/{axis}", value, axis, indices, f"{output}/{axis}")
    return value


def _gather(
    builder: Builder, name: str, axis: int, indices: Value | None, value: Activation, output: str
) -> Activation:
    rank = len(value.shape)
    if not isinstance(indices, Constant) or indices.data.dtype.kind not in "iu":
        raise ModelError("the indices of Gather must be constant integers")
    if not -rank <= axis < rank:
        raise ModelError(f"Gather along axis {axis} of {rank} dimensions is not possible")
    axis %= rank
    length, flat = value.shape[axis], indices.data.reshape(-1).astype(np.int64)
    if not flat.size or flat.min() < -length or flat.max() >= length:
        raise ModelError(f"an index of Gather lies outside of {length} values")
    shape = (*value.shape[:axis], *indices.data.shape, *value.shape[axis + 1 :])
    value = picked(builder, name, value, axis, (flat % length).tolist(), output)
    if indices.data.ndim == 1:
        return value
    return builder.reshaped(builder.plain(value), shape, f"{output}/shaped")

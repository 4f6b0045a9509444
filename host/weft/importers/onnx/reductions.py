"""ONNX operators that make one value of whole dimensions, or say where it lies."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.pools import mean_of_image
from weft.importers.onnx.values import Activation, Pending, QParams, Value, integers, take

__all__ = [
    "EXTREMES",
    "POSITIONS",
    "extreme",
    "mean",
    "position",
    "reduced_axes",
    "squeezed",
    "total",
]

EXTREMES = {"ReduceMax": "REDUCE_MAX", "ReduceMin": "REDUCE_MIN"}
POSITIONS = {"ArgMax": "ARG_MAX", "ArgMin": "ARG_MIN"}


def reduced_axes(
    operator: str, attributes: Attributes, operands: tuple[Value | None, ...], rank: int
) -> tuple[int, ...]:
    """Return the axes of ReduceMean and its like, counted from the front; none for a copy."""
    axes = attributes.get("axes", ())
    if take(operands, 1) is not None:
        axes = integers(take(operands, 1), f"the axes of {operator}")
    if not axes and not attributes.get("noop_with_empty_axes", 0):
        axes = range(rank)
    axes = tuple(sorted(axis + (rank if axis < 0 else 0) for axis in axes))
    if len(set(axes)) != len(axes) or any(not 0 <= axis < rank for axis in axes):
        raise ModelError(f"{operator} over axes {axes} of {rank} dimensions is not possible")
    return axes


def squeezed(
    builder: Builder,
    attributes: Attributes,
    value: Activation,
    axes: tuple[int, ...],
    output: str,
) -> Activation:
    """Return a result of length 1 along ``axes`` with or without them, as the node says."""
    if attributes.get("keepdims", 1) or not axes:
        return value
    shape = tuple(size for axis, size in enumerate(value.shape) if axis not in axes)
    return builder.reshaped(builder.plain(value), shape, f"{output}/squeezed")


def extreme(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    value: Activation,
    output: str,
) -> Activation:
    """Add one of ``EXTREMES``; an image keeps its channels last."""
    axes = reduced_axes(operator, attributes, operands, len(value.shape))
    kind = EXTREMES[operator]
    result = _reduced(builder, kind, name, value, axes, value.qparams, output)
    return squeezed(builder, attributes, result, axes, output)


def mean(builder: Builder, pending: Pending, qparams: QParams | None, output: str) -> Activation:
    """Add MEAN for ReduceMean; without ``qparams`` its result is real."""
    value, name, attributes = take(pending.operands, 0), pending.name, pending.attributes
    if not isinstance(value, Activation) or (value.qparams is None and qparams is not None):
        raise ModelError("the input of ReduceMean is not quantised")
    rank = len(value.shape)
    axes = reduced_axes("ReduceMean", attributes, pending.operands, rank)
    if not axes:
        return _copied(builder, value, qparams, name, output)
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
    # With an odd count and equal scales no mean lies between two integers closely enough for the
    # order of the runtime's float32 sums to matter.
    odd = math.prod(value.shape[axis] for axis in axes) % 2 == 1
    sure = qparams is None or (
        odd and value.qparams is not None and value.qparams.scale == qparams.scale
    )
    if rank in (3, 4) and axes == tuple(range(2, rank)):
        order = None if sure else "rows"
        result = mean_of_image(builder, name, value, qparams, output, order)
    elif inner := tuple(axis for axis in axes if axis or value.shape[0] != 1):
        plain = builder.plain(value)
        named: dict[str, Any] = {"axes": inner, "keep_dims": True}
        if not sure:  # their order depends on what lies before and behind these axes
            named["island"] = True
        tensor = builder.emit(
            "MEAN", name, (plain.tensor,), output, named, qparams=qparams, shape=kept
        )
        result = Activation(tensor, kept, "plain", qparams)
    else:
        result = _copied(builder, value, qparams, name, output)
    return squeezed(builder, attributes, result, axes, output)


def _copied(
    builder: Builder, value: Activation, qparams: QParams | None, name: str, output: str
) -> Activation:
    return value if qparams is None else builder.quantized(value, qparams, name, output)


def total(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    output: str,
) -> Activation:
    """Add SUM, whose result is real: no runtime's order of float32 sums is followed."""
    value = take(operands, 0)
    if not isinstance(value, Activation):
        raise ModelError("the input of ReduceSum is not quantised")
    axes = reduced_axes("ReduceSum", attributes, operands, len(value.shape))
    result = _reduced(builder, "SUM", name, value, axes, None, output)
    return squeezed(builder, attributes, result, axes, output)


def _reduced(
    builder: Builder,
    kind: str,
    name: str,
    value: Activation,
    axes: tuple[int, ...],
    qparams: QParams | None,
    output: str,
) -> Activation:
    """Return ``value`` with length 1 along ``axes``."""
    rank, inner = len(value.shape), tuple(axis for axis in axes if value.shape[axis] > 1)
    if not inner:
        return value
    places: tuple[int, ...] = tuple(range(rank))
    if rank in (3, 4) and (value.layout == "channels_last" or min(inner) > 1):
        value, places = builder.channels_last(value), (0, 3, 2) if rank == 3 else (0, 3, 1, 2)
    else:
        value = builder.plain(value)
    found = {"axes": tuple(sorted(places[axis] for axis in inner)), "keep_dims": True}
    stored = builder.tensors[value.tensor].shape
    kept = tuple(1 if axis in found["axes"] else size for axis, size in enumerate(stored))
    tensor = builder.emit(kind, name, (value.tensor,), output, found, qparams=qparams, shape=kept)
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(value.shape))
    return replace(value, tensor=tensor, shape=shape, qparams=qparams)


def position(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Attributes,
    value: Activation,
    output: str,
) -> Activation:
    """Add one of ``POSITIONS`` with an int64 result in ONNX's order of dimensions."""
    plain = builder.plain(value)
    rank = len(value.shape)
    axis = attributes.get("axis", 0)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank:
        raise ModelError(f"{operator} over axis {axis} of {rank} dimensions is not supported")
    rest = (*value.shape[:axis], *value.shape[axis + 1 :])
    named = {"axis": axis} | ({"last": True} if attributes.get("select_last_index", 0) else {})
    tensor = builder.emit(
        POSITIONS[operator], name, (plain.tensor,), output, named, dtype=np.int64, shape=rest
    )
    result = Activation(tensor, rest, "plain", None)
    if attributes.get("keepdims", 1):
        shape = (*value.shape[:axis], 1, *value.shape[axis + 1 :])
        return builder.reshaped(result, shape, f"{output}/keepdims")
    return result

"""ONNX's Slice and Split: parts of a tensor along some of its dimensions."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.picks import picked
from weft.importers.onnx.values import Activation, Value, integers, take

__all__ = ["part_of", "slice_tensor", "split"]

Attributes = Mapping[str, Any]
Operands = tuple[Value | None, ...]
_MOST = 256  # outputs of Split


def _axis(axis: int, rank: int, operator: str) -> int:
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank:
        raise ModelError(f"{operator} along axis {axis} of {rank} dimensions is not supported")
    return axis


def part_of(
    builder: Builder, name: str, value: Activation, begin: list[int], shape: list[int], output: str
) -> Activation:
    """Add SLICE; ``begin`` and ``shape`` count dimensions as ONNX does."""
    if tuple(shape) == value.shape:
        return value
    if value.layout == "channels_last":
        last = (0, 2, 3, 1) if len(shape) == 4 else (0, None, 2, 1)
        start = tuple(0 if i is None else begin[i] for i in last)
        size = tuple(1 if i is None else shape[i] for i in last)
    else:
        value = builder.plain(value)
        start, size = tuple(begin), tuple(shape)
    tensor = builder.emit(
        "SLICE",
        name,
        (value.tensor,),
        output,
        {"begin": start, "size": size},
        qparams=value.qparams,
        dtype=builder.tensors[value.tensor].dtype,
        shape=size,
    )
    return replace(value, tensor=tensor, shape=tuple(shape))


def slice_tensor(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: Operands,
    value: Activation,
    output: str,
) -> Activation:
    """Add Slice with constant bounds."""
    rank = len(value.shape)
    starts, ends, axes, steps = (
        attributes.get(key) if take(operands, i) is None else integers(take(operands, i), key)
        for i, key in enumerate(("starts", "ends", "axes", "steps"), 1)
    )
    if starts is None or ends is None:
        raise ModelError("Slice must have constant starts and ends")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if len({len(starts), len(ends), len(axes), len(steps)}) != 1 or 0 in steps:
        raise ModelError(f"Slice from {starts} to {ends} along {axes} is not possible")
    if any(step != 1 for step in steps):
        for number, bounds in enumerate(zip(starts, ends, steps, strict=True)):
            axis = _axis(axes[number], rank, "Slice")
            indices = range(*slice(*bounds).indices(value.shape[axis]))
            if not indices:
                raise ModelError(f"Slice from {starts} to {ends} by {steps} is empty")
            value = picked(builder, f"{name}/{axis}", value, axis, indices, f"{output}/{axis}")
        return value
    begin, shape = [0] * rank, list(value.shape)
    for start, end, axis in zip(starts, ends, axes, strict=True):
        axis = _axis(axis, rank, "Slice")
        length = value.shape[axis]
        first, last = (min(max(x + (length if x < 0 else 0), 0), length) for x in (start, end))
        if last <= first:
            raise ModelError(f"Slice from {start} to {end} of {length} is empty")
        begin[axis], shape[axis] = first, last - first
    return part_of(builder, name, value, begin, shape, output)


def split(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: Operands,
    value: Activation,
    outputs: tuple[str, ...],
) -> tuple[Activation, ...]:
    """Add Split: equal parts, or parts of the sizes that it names."""
    axis = _axis(attributes.get("axis", 0), len(value.shape), "Split")
    length, count = value.shape[axis], len(outputs)
    sizes = attributes.get("split")
    if take(operands, 1) is not None:
        sizes = integers(take(operands, 1), "the sizes of Split")
    if sizes is None:
        part = -(-length // count)
        sizes = (*(part,) * (count - 1), length - part * (count - 1))
    if len(sizes) != count or count > _MOST or sum(sizes) != length or min(sizes) < 1:
        raise ModelError(f"Split of {length} into {count} parts of sizes {sizes} is not possible")
    results, first = [], 0
    for size, output in zip(sizes, outputs, strict=True):
        begin, shape = [0] * len(value.shape), list(value.shape)
        begin[axis], shape[axis] = first, size
        results.append(part_of(builder, name, value, begin, shape, output))
        first += size
    return tuple(results)

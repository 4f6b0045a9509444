"""ONNX's Pad: what it fills with may be a quantised value, or a real number that becomes one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.picks import picked
from weft.importers.onnx.values import (
    Activation,
    Constant,
    QParams,
    QuantizedConstant,
    Value,
    integers,
    take,
)

__all__ = ["is_real_pad", "kind_of_pad", "pad", "require_expressible", "with_filler"]

Attributes = Mapping[str, Any]
Operands = tuple[Value | None, ...]
_MODES = ("edge", "reflect", "wrap")  # by the names that NumPy has for them, too


def is_real_pad(attributes: Attributes, operands: Operands) -> bool:
    """Whether only the qparams of the result tell what a Pad fills with."""
    value = take(operands, 0)
    if not isinstance(value, Activation) or attributes.get("mode", "constant") != "constant":
        return False
    number = _filler(attributes, operands)
    return not isinstance(number, int) and (number != 0 or value.qparams is None)


def kind_of_pad(attributes: Attributes, operands: Operands, rank: int) -> str:
    """Return ``"Pad"`` of zeros around an image, ``"Pad by nothing"``, or ``"Pad of values"``."""
    pairs = _pairs(attributes, operands, rank)
    if attributes.get("mode", "constant") != "constant" or _filler(attributes, operands) != 0:
        return "Pad of values"
    if any(any(pair) for pair in pairs[:2]) or min(map(min, pairs), default=0) < 0:
        return "Pad of values"
    return "Pad" if any(any(pair) for pair in pairs) else "Pad by nothing"


def require_expressible(attributes: Attributes, operands: Operands) -> None:
    """Refuse a Pad whose number the qparams of its input cannot express.

    Raises
    ------
    ModelError
        Where it would have to be rounded although nothing quantises the result.
    """
    value = take(operands, 0)
    if not is_real_pad(attributes, operands) or not isinstance(value, Activation):
        return
    number = _filler(attributes, operands)
    if value.qparams is None:
        return
    steps = np.rint(number / value.qparams.scale)
    if steps * value.qparams.scale != number or not -128 <= steps + value.qparams.zero_point <= 127:
        raise ModelError(f"Pad with {number}, which the scale of its input cannot express")


def with_filler(operands: Operands, qparams: QParams) -> Operands:
    """Return the operands of a Pad of integers, which fills with the integer zero by itself."""
    if take(operands, 2) is not None:
        return operands
    zero = Constant(np.zeros((), np.uint8 if qparams.unsigned else np.int8))
    return (*(*operands, None)[:2], zero, *operands[3:])


def pad(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: Operands,
    output: str,
    qparams: QParams | None = None,
) -> Activation:
    """Add PAD; with ``qparams``, tensor and filler are quantised first.

    Where neither it nor the tensor has one, the result is real. What negative pads cut off goes
    first, as it does in the runtime.
    """
    value = take(operands, 0)
    if not isinstance(value, Activation):
        raise ModelError("the input of Pad is not quantised")
    if qparams is not None:
        value = builder.quantized(value, qparams, f"{name}/quantized", f"{name}/quantized")
    qparams = value.qparams
    pairs = _pairs(attributes, operands, len(value.shape))
    if len(pairs) == 4 and value.layout != "flat":
        value = builder.channels_last(value)
    value = _cut(builder, name, value, pairs, output)
    pairs = tuple((max(before, 0), max(after, 0)) for before, after in pairs)
    if (mode := attributes.get("mode", "constant")) != "constant":
        return _continued(builder, name, mode, value, pairs, output)
    if not any(map(any, pairs)):
        return value
    if value.layout == "flat":
        value = builder.plain(value)
    shape = tuple(size + sum(pair) for size, pair in zip(value.shape, pairs, strict=True))
    if value.layout == "channels_last":
        rows = ((0, 0),) if len(pairs) == 3 else ()
        pairs = (pairs[0], *rows, *pairs[2:], pairs[1])
    stored = builder.tensors[value.tensor].shape
    tensor = builder.emit(
        "PAD",
        name,
        (value.tensor,),
        output,
        {"paddings": pairs, "value": _padded(_filler(attributes, operands), qparams)},
        qparams=qparams,
        shape=tuple(size + sum(pair) for size, pair in zip(stored, pairs, strict=True)),
    )
    return replace(value, tensor=tensor, shape=shape)


def _cut(
    builder: Builder,
    name: str,
    value: Activation,
    pairs: tuple[tuple[int, int], ...],
    output: str,
) -> Activation:
    """Return ``value`` without what negative pads cut off."""
    for axis, (before, after) in enumerate(pairs):
        length = value.shape[axis]
        kept = range(max(-before, 0), length - max(-after, 0))
        if not kept:
            raise ModelError(f"Pad by {before} and {after} leaves nothing of {length} values")
        value = picked(builder, f"{name}/cut {axis}", value, axis, kept, f"{output}/cut {axis}")
    return value


def _continued(
    builder: Builder,
    name: str,
    mode: str,
    value: Activation,
    pairs: tuple[tuple[int, int], ...],
    output: str,
) -> Activation:
    """Return ``value`` with its own values around it."""
    if mode not in _MODES:
        raise ModelError(f"Pad with mode {mode} is not supported")
    for axis, pair in enumerate(pairs):
        length = value.shape[axis]
        if mode == "reflect" and max(pair) >= length:  # the runtime refuses it, too
            raise ModelError(f"Pad by {pair} of {length} values with mode {mode} is not supported")
        indices = np.pad(np.arange(length), pair, mode).tolist()  # type: ignore[call-overload]
        value = picked(builder, f"{name}/{axis}", value, axis, indices, f"{output}/{axis}")
    return value


def _pairs(attributes: Attributes, operands: Operands, rank: int) -> tuple[tuple[int, int], ...]:
    pads = attributes.get("pads")
    if pads is None:
        pads = integers(take(operands, 1), "the pads of Pad")
    axes = tuple(range(rank))
    if take(operands, 3) is not None:
        axes = integers(take(operands, 3), "the axes of Pad")
        axes = tuple(axis + (rank if axis < 0 else 0) for axis in axes)
    if len(pads) != 2 * len(axes) or len(set(axes)) != len(axes) or not set(axes) <= {*range(rank)}:
        raise ModelError(f"pads {pads} of axes {axes} do not fit {rank} dimensions")
    return tuple(
        (pads[axes.index(i)], pads[axes.index(i) + len(axes)]) if i in axes else (0, 0)
        for i in range(rank)
    )


def _filler(attributes: Attributes, operands: Operands) -> np.float32 | int:
    """Return a real number, or an int8 value."""
    filler = take(operands, 2)
    if filler is None:
        return np.float32(attributes.get("value", 0.0))
    if isinstance(filler, Constant | QuantizedConstant) and filler.data.size == 1:
        [data] = filler.data.reshape(-1)
        if isinstance(filler, QuantizedConstant):
            quantization = filler.quantization
            return quantization.scale[0] * np.float32(int(data) - quantization.zero_point[0])
        if data.dtype == np.float32:
            return data
        if data.dtype in (np.int8, np.uint8):
            return int(data) - (128 if data.dtype == np.uint8 else 0)
    raise ModelError("the value of Pad must be a constant number")


def _padded(number: np.float32 | int, qparams: QParams | None) -> float:
    if isinstance(number, int):
        return number
    if np.isnan(number):
        raise ModelError("Pad with not-a-number is not supported")
    if qparams is None:
        return float(number)
    with np.errstate(over="ignore"):
        steps = np.clip(np.rint(number / qparams.scale), -512, 512)
    return int(np.clip(steps + qparams.zero_point, -128, 127))

"""ONNX operators that move quantised values without changing them."""

import math
from dataclasses import replace

from weft.errors import ModelError
from weft.importers.onnx.blocks import BLOCKS, rearrange
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.pad import pad
from weft.importers.onnx.picks import PICKS, pick
from weft.importers.onnx.pools import max_pool
from weft.importers.onnx.reductions import EXTREMES, POSITIONS, extreme, position
from weft.importers.onnx.resize import resize
from weft.importers.onnx.slices import slice_tensor
from weft.importers.onnx.values import Activation, Constant, Pending, Value, integers, take

__all__ = ["MOVES", "move"]

MOVES = (
    "MaxPool",
    "GlobalMaxPool",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Pad",
    "Resize",
    "Slice",
    "Identity",
    "Dropout",
    "Cast",
    *BLOCKS,
    *EXTREMES,
    *PICKS,
    *POSITIONS,
)


def move(
    builder: Builder,
    operator: str,
    label: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    output: str,
) -> Activation:
    """Add one of ``MOVES``."""
    value = take(operands, 0)
    if isinstance(value, Pending):
        raise ModelError(f"the input of {operator} is not quantised")
    if not isinstance(value, Activation):
        raise ModelError(f"{operator} of a constant is not supported")
    if operator == "Dropout" and _trains(take(operands, 2)):
        raise ModelError("Dropout in training mode is not supported")
    if operator in ("Identity", "Dropout"):
        return value
    if operator == "MaxPool":
        return max_pool(builder, label, attributes, value, output)
    if operator == "GlobalMaxPool":
        if len(value.shape) not in (3, 4):
            raise ModelError(f"GlobalMaxPool of shape {value.shape} is not supported")
        return max_pool(
            builder, label, Attributes({"kernel_shape": value.shape[2:]}), value, output
        )
    if operator == "Slice":
        return slice_tensor(builder, label, attributes, operands, value, output)
    if operator == "Transpose":
        return transpose(builder, label, attributes, value, output)
    if operator == "Pad":
        return pad(builder, label, attributes, operands, output)
    if operator == "Resize":
        return resize(builder, label, attributes, operands, value, output)
    if operator in PICKS:
        return pick(builder, operator, label, attributes, operands, value, output)
    if operator in BLOCKS:
        return rearrange(builder, operator, label, attributes, value, output)
    if operator in EXTREMES:
        return extreme(builder, operator, label, attributes, operands, value, output)
    if operator in POSITIONS:
        return position(builder, operator, label, attributes, value, output)
    return reshape(builder, label, operator, attributes, operands, value, output)


def _target(
    operator: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    shape: tuple[int, ...],
) -> tuple[int, ...]:
    second = take(operands, 1)
    rank = len(shape)
    if operator == "Flatten":
        axis = attributes.get("axis", 1)
        axis += rank if axis < 0 else 0
        if not 0 <= axis <= rank:
            raise ModelError(f"Flatten cannot start at axis {axis} of {shape}")
        return math.prod(shape[:axis]), math.prod(shape[axis:])
    if operator == "Reshape":
        target = list(integers(second, "the shape of Reshape"))
        if any(size < -1 for size in target) or target.count(-1) > 1:
            raise ModelError(f"Reshape to {target} is not possible")
        if not attributes.get("allowzero", 0):
            target = [shape[i] if size == 0 and i < rank else size for i, size in enumerate(target)]
        if -1 in target:
            known = math.prod(size for size in target if size != -1)
            target[target.index(-1)] = math.prod(shape) // max(known, 1)
        return tuple(target)
    axes = attributes.get("axes")
    if axes is None and second is not None:
        axes = integers(second, f"the axes of {operator}")
    if operator == "Squeeze":
        if axes is None:
            return tuple(size for size in shape if size != 1)
        drop = {axis + (rank if axis < 0 else 0) for axis in axes}
        if any(not 0 <= axis < rank or shape[axis] != 1 for axis in drop):
            raise ModelError(f"Squeeze cannot drop axes {axes} of {shape}")
        return tuple(size for axis, size in enumerate(shape) if axis not in drop)
    if axes is None or len(axes) > 8:
        raise ModelError("Unsqueeze must have axes")
    full = rank + len(axes)
    places = {axis + (full if axis < 0 else 0) for axis in axes}
    if len(places) != len(axes) or any(not 0 <= axis < full for axis in places):
        raise ModelError(f"Unsqueeze cannot insert axes {axes} into {shape}")
    rest = iter(shape)
    return tuple(1 if axis in places else next(rest) for axis in range(full))


def reshape(
    builder: Builder,
    name: str,
    operator: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    value: Activation,
    output: str,
) -> Activation:
    """Return ``value`` in the shape that Reshape, Flatten, Squeeze or Unsqueeze asks for."""
    target = _target(operator, attributes, operands, value.shape)
    if math.prod(target) != math.prod(value.shape):
        raise ModelError(f"shape {value.shape} cannot become {target}")
    if target == value.shape:
        return value
    batch, features = value.shape[0] if value.shape else 1, target[1:]
    image = value.layout == "channels_last" and len(target) == 2 and target[0] == batch
    if value.layout == "channels_last":
        _, rows, columns, channels = builder.tensors[value.tensor].shape
        if rows * columns == 1 or channels == 1:
            # Both orders are the same.
            return builder.reshaped(replace(value, layout="plain"), target, output)
        if image and features[0] == math.prod(value.shape[1:]):
            return replace(value, shape=target, layout="flat")
    return builder.reshaped(builder.plain(value), target, output)


def transpose(
    builder: Builder, name: str, attributes: Attributes, value: Activation, output: str
) -> Activation:
    """Add TRANSPOSE in ONNX's order of dimensions."""
    rank = len(value.shape)
    permutation = tuple(attributes.get("perm", tuple(range(rank))[::-1]))
    if sorted(permutation) != list(range(rank)):
        raise ModelError(f"Transpose cannot permute {rank} dimensions by {permutation}")
    if value.layout == "channels_last" and permutation == (0, 2, 3, 1):
        return builder.as_nhwc(value, output)
    if value.layout == "plain" and permutation == (0, 3, 1, 2):
        return builder.as_nchw(value)
    return builder.transposed(value, permutation, name, output)


def _trains(mode: Value | None) -> bool:
    if mode is None:
        return False
    if not isinstance(mode, Constant) or mode.data.size != 1:
        raise ModelError("the training mode of Dropout must be a constant")
    return bool(mode.data.reshape(-1)[0])

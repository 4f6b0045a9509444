"""What a name in an ONNX graph can stand for while it is imported."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization

__all__ = [
    "ELEMENT_TYPES", "Activation", "Constant", "Pending", "QuantizedConstant", "Step", "Value",
    "attributes_of", "constant_of", "integers", "step_of", "take",
]  # fmt: skip

# Types of tensors by their number in the file.
ELEMENT_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}

_MAX_ELEMENTS = 1 << 28
_ITEM_BYTES = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8}


# What the attributes that are read must be, whichever operator has them.
_KINDS = {
    tuple: (
        "axes", "dilations", "ends", "kernel_shape", "output_padding", "pads", "perm", "split",
        "starts", "steps", "strides",
    ),
    int: (
        "allowzero", "axis", "ceil_mode", "channels_last", "count_include_pad", "end", "group",
        "keepdims", "opset", "select_last_index", "start", "to", "transA", "transB",
    ),
    float: ("alpha", "beta", "gamma", "max", "min"),
    str: (
        "approximate", "auto_pad", "coordinate_transformation_mode", "mode", "nearest_mode",
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Constant:
    """An initialiser or the output of a Constant node."""

    data: NDArray[Any]


@dataclass(frozen=True)
class Step:
    """Per-tensor quantisation of an activation, as the graph form has it: int8.

    ``unsigned`` remembers that the file's type is uint8, whose zero point is 128 higher.
    """

    scale: np.float32
    zero_point: int
    unsigned: bool

    @property
    def quantization(self) -> Quantization:
        """The same, as the graph form has it."""
        return Quantization(np.array([self.scale], np.float32), np.array([self.zero_point]))


@dataclass(frozen=True, eq=False)
class QuantizedConstant:
    """Weights or a bias: int8 or int32 values, scales and zero points along ``axis``."""

    data: NDArray[Any]
    quantization: Quantization


@dataclass(frozen=True, eq=False)
class Activation:
    """A quantised activation, or float32 at the graph's edge.

    ``shape`` is ONNX's; ``layout`` says how ``tensor`` holds it: ``"plain"`` in that order,
    ``"channels_last"`` (4 dimensions NHWC, 3 as N1LC), or ``"flat"``: shape (N, C * H * W), but
    ``tensor`` still is the NHWC image that was flattened.
    """

    tensor: str
    shape: tuple[int, ...]
    layout: str
    step: Step | None


@dataclass(frozen=True, eq=False)
class Pending:
    """A float operator whose result has not been quantised yet."""

    operator: str
    name: str
    attributes: dict[str, Any]
    operands: tuple["Value | None", ...]
    activation: str = "NONE"


Value = Constant | QuantizedConstant | Activation | Pending


def take(operands: tuple[Value | None, ...], index: int) -> Value | None:
    """Return operand ``index``; None where it is absent."""
    return operands[index] if index < len(operands) else None


def integers(value: Value | None, what: str) -> tuple[int, ...]:
    """Return a constant's integers."""
    if not isinstance(value, Constant) or value.data.dtype.kind not in "iu":
        raise ModelError(f"{what} must be constant integers")
    if value.data.size > 64:
        raise ModelError(f"{what} has {value.data.size} numbers")
    return tuple(int(x) for x in value.data.reshape(-1))


def constant_of(proto: Any) -> Constant:
    """Return the array of an initialiser, after checking that its bytes match its shape.

    Raises
    ------
    ModelError
        If they do not, or the data lies outside the file.
    """
    from onnx import TensorProto, numpy_helper

    dims = tuple(proto.dims)
    if any(size < 0 for size in dims) or math.prod(dims) > _MAX_ELEMENTS or len(dims) > 8:
        raise ModelError(f"initialiser {proto.name} has the impossible shape {dims}")
    if proto.data_location == TensorProto.EXTERNAL:
        raise ModelError(f"initialiser {proto.name} lies in another file, which is not supported")
    if proto.data_type not in _ITEM_BYTES or proto.HasField("segment"):
        raise ModelError(f"initialiser {proto.name} has the unsupported type {proto.data_type}")
    if proto.HasField("raw_data"):
        expected = math.prod(dims) * _ITEM_BYTES[proto.data_type]
        if len(proto.raw_data) != expected:
            raise ModelError(
                f"initialiser {proto.name} of shape {dims} needs {expected} bytes, "
                f"but has {len(proto.raw_data)}"
            )
    try:
        return Constant(np.asarray(numpy_helper.to_array(proto)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ModelError(f"initialiser {proto.name} is malformed ({error})") from error


def attributes_of(node: Any) -> dict[str, Any]:
    """Return a node's attributes; strings decoded, lists as tuples."""
    from onnx import AttributeProto

    result: dict[str, Any] = {}
    for attribute in node.attribute:
        kind = attribute.type
        if kind == AttributeProto.INT:
            result[attribute.name] = int(attribute.i)
        elif kind == AttributeProto.FLOAT:
            result[attribute.name] = float(attribute.f)
        elif kind == AttributeProto.STRING:
            result[attribute.name] = attribute.s.decode(errors="replace")
        elif kind == AttributeProto.INTS:
            result[attribute.name] = tuple(int(value) for value in attribute.ints)
        elif kind == AttributeProto.FLOATS:
            result[attribute.name] = tuple(float(value) for value in attribute.floats)
        elif kind == AttributeProto.TENSOR:
            result[attribute.name] = constant_of(attribute.t).data
    for name, value in result.items():
        expected = next((kind for kind, names in _KINDS.items() if name in names), None)
        if expected is not None and not isinstance(value, expected):
            raise ModelError(f"attribute {name} cannot be {value}")
    return result


def step_of(scale: Value | None, zero_point: Value | None) -> Step:
    """Return the quantisation that a scalar scale and zero point express.

    Raises
    ------
    ModelError
        If they are not constants, not scalar, or not int8 or uint8.
    """
    if not isinstance(scale, Constant) or scale.data.size != 1:
        raise ModelError("an activation's scale must be one constant number")
    value = np.float32(scale.data.reshape(-1)[0])
    if zero_point is None:
        return Step(value, -128, True)
    if not isinstance(zero_point, Constant) or zero_point.data.size != 1:
        raise ModelError("an activation's zero point must be one constant number")
    data = zero_point.data.reshape(-1)[0]
    if zero_point.data.dtype == np.uint8:
        return Step(value, int(data) - 128, True)
    if zero_point.data.dtype == np.int8:
        return Step(value, int(data), False)
    raise ModelError(f"activations must be int8 or uint8, not {zero_point.data.dtype}")

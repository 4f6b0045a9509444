"""What the messages of an ONNX file hold: arrays and attributes."""

import math
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.values import Constant, type_name

__all__ = ["attribute_value", "constant_of"]

_MAX_ELEMENTS = 1 << 28
_ITEM_BITS = {
    1: 32,
    2: 8,
    3: 8,
    4: 16,
    5: 16,
    6: 32,
    7: 64,
    9: 8,
    10: 16,
    11: 64,
    12: 32,
    13: 64,
    21: 4,
    22: 4,
}


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
        raise ModelError(f"initialiser {proto.name} lies in another file, which has no name")
    if proto.data_type not in _ITEM_BITS or proto.HasField("segment"):
        kind = type_name(proto.data_type)
        raise ModelError(f"initialiser {proto.name} is {kind}, which is not supported")
    if proto.HasField("raw_data"):
        expected = -(-math.prod(dims) * _ITEM_BITS[proto.data_type] // 8)
        if len(proto.raw_data) != expected:
            raise ModelError(
                f"initialiser {proto.name} of shape {dims} needs {expected} bytes, "
                f"but has {len(proto.raw_data)}"
            )
    try:
        return Constant(np.asarray(numpy_helper.to_array(proto)))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ModelError(f"initialiser {proto.name} is malformed ({error})") from error


def attribute_value(attribute: Any) -> Any:
    """Return an attribute's value: strings decoded, lists as tuples, tensors as arrays.

    Raises
    ------
    ModelError
        If a tensor is malformed, or the attribute is of another kind, such as a graph.
    """
    from onnx import AttributeProto

    kind = attribute.type
    if kind == AttributeProto.INT:
        return int(attribute.i)
    if kind == AttributeProto.FLOAT:
        return float(attribute.f)
    if kind == AttributeProto.STRING:
        return attribute.s.decode(errors="replace")
    if kind == AttributeProto.INTS:
        return tuple(int(value) for value in attribute.ints)
    if kind == AttributeProto.FLOATS:
        return tuple(float(value) for value in attribute.floats)
    if kind == AttributeProto.TENSOR:
        return constant_of(attribute.t).data
    raise ModelError(f"attribute {attribute.name} has a type that is not supported")

"""Where the walk over an ONNX model begins, and where it goes on behind an unknown tensor."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.integers import INTEGERS
from weft.importers.onnx.moves import MOVES
from weft.importers.onnx.qoperators import QOPERATORS, as_quantized
from weft.importers.onnx.values import (
    ELEMENT_TYPES,
    Activation,
    QParams,
    Value,
    qparams_of,
    take,
    type_name,
)

__all__ = ["add_input", "operand_stand_in", "stand_in"]

_MAX_ELEMENTS = 1 << 28


def add_input(builder: Builder, graph: Any, value: Any, values: Mapping[str, Value]) -> Activation:
    """Add the input ``value`` of ``graph``; ``values`` are the constants."""
    kind = value.type.tensor_type
    dtype = ELEMENT_TYPES.get(kind.elem_type)
    if dtype not in (np.float32, np.uint8, np.int8):
        raise ModelError(f"an input of type {type_name(kind.elem_type)} is not supported")
    shape = _shape_of(value)
    name = builder.add_tensor(value.name, shape, dtype)
    activation = Activation(name, shape, "plain", None)
    if dtype == np.float32:
        return activation
    return as_quantized(builder, activation, _input_qparams(graph, value.name, values, dtype))


def _shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape that the file gives; an open batch is 1.

    Raises
    ------
    ModelError
        If another dimension is open, or the shape is none of a tensor.
    """
    shape = []
    for axis, dim in enumerate(value.type.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value > 0:
            shape.append(int(dim.dim_value))
        elif axis == 0:
            shape.append(1)
        else:
            raise ModelError(f"dimension {axis} of input {value.name} must be a number")
    if math.prod(shape) > _MAX_ELEMENTS:
        raise ModelError(f"input {value.name} has the impossible shape {tuple(shape)}")
    return tuple(shape)


def _input_qparams(graph: Any, name: str, values: Mapping[str, Value], dtype: Any) -> QParams:
    """Scale and zero point of an 8-bit input: those with which it is first read."""
    names = {name}
    for node in graph.node:
        reads = [i for i, x in enumerate(node.input) if x in names]
        if not reads:
            continue
        if node.op_type in (*INTEGERS, *MOVES, "NhwcMaxPool", "Split"):
            names.update(node.output if node.op_type == "Split" else node.output[:1])
        elif node.op_type in QOPERATORS or node.op_type == "DequantizeLinear":
            operands = tuple(values.get(x) for x in node.input)
            scale, zero_point = take(operands, reads[0] + 1), take(operands, reads[0] + 2)
            return qparams_of(scale, zero_point, unsigned=dtype == np.uint8)
    raise ModelError("no layer tells the scale of this input")


def stand_in(
    builder: Builder, graph: Any, node: Any, values: Mapping[str, Value]
) -> Activation | None:
    """Add a tensor in the place of what QuantizeLinear makes of an unknown one.

    None where the file does not tell its shape, or ``node`` is another operator.
    """
    if node.op_type != "QuantizeLinear" or not node.output:
        return None
    known = (*node.input[:1], node.output[0])
    return _stand_in(builder, graph, node, 1, known, node.output[0], values)


def operand_stand_in(
    builder: Builder, graph: Any, node: Any, name: str, values: Mapping[str, Value]
) -> Activation | None:
    """Add a tensor in the place of an unknown one that an operator of QOperator form reads.

    None where the file does not tell its shape, or ``node`` is another operator.
    """
    if node.op_type not in QOPERATORS:
        return None
    scale = list(node.input).index(name) + 1
    return _stand_in(builder, graph, node, scale, (name,), name, values)


def _stand_in(
    builder: Builder,
    graph: Any,
    node: Any,
    scale: int,
    known: tuple[str, ...],
    name: str,
    values: Mapping[str, Value],
) -> Activation | None:
    """Add tensor ``name`` with the shape of one of ``known``, and operand ``scale`` of ``node``."""
    operands = tuple(values.get(operand) for operand in node.input)
    try:
        qparams = qparams_of(take(operands, scale), take(operands, scale + 1))
        shapes = [_shape_of(value) for value in graph.value_info if value.name in known]
    except ModelError:
        return None
    if not shapes:
        return None
    tensor = builder.add_tensor(name, shapes[0], np.int8, qparams.quantization)
    return Activation(tensor, shapes[0], "plain", qparams)

"""Operators of two tensors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context, float32_value
from weft.golden.operators.stage import output_stage
from weft.graph import Runtime

__all__ = ["add", "compare", "function", "multiply", "prelu", "squared_difference"]


def _operand(context: Context, index: int) -> tuple[NDArray[Any], float, int]:
    return context.value(index), float(context.scale(index)), context.zero_point(index)


def _in_onnx_runtime(context: Context) -> NDArray[Any]:
    a, b = _operand(context, 0), _operand(context, 1)
    y = (context.output_scale, context.output_zero_point)
    unsigned = bool(context.attributes.get("unsigned", False))
    if context.attributes.get("real"):
        stage = output_stage(context)
        total = golden.binary_real(context.node.operator, a, b, y)
        return np.clip(total, stage.low, stage.high)
    function = {
        "ADD": golden.add_float32,
        "SUB": golden.subtract_float32,
        "MUL": golden.multiply_float32,
    }[context.node.operator]
    stage = output_stage(context)
    return np.clip(function(a, b, y, unsigned=unsigned), stage.low, stage.high)


def add(context: Context) -> NDArray[Any]:
    """Return the sum (ADD) or difference (SUB) of two tensors."""
    if context.graph.in_onnxruntime:
        return _in_onnx_runtime(context)
    a, b, stage = _operand(context, 0), _operand(context, 1), output_stage(context)
    subtract = context.node.operator == "SUB"
    if context.runtime == Runtime.XNNPACK:
        y = (context.output_scale, context.output_zero_point)
        total = golden.add_20bit(a, b, y, subtract=subtract)
        return np.clip(total, stage.low, stage.high).astype(np.int8)
    scale = float(context.output_scale)
    return golden.add(a, b, stage, output_scale=scale, subtract=subtract)


def multiply(context: Context) -> NDArray[Any]:
    """Return the product of two tensors."""
    if context.graph.in_onnxruntime:
        return _in_onnx_runtime(context)
    return golden.multiply_tensors(
        _operand(context, 0), _operand(context, 1), output_stage(context)
    )


def compare(context: Context) -> NDArray[Any]:
    """Return the greater (MAXIMUM) or lesser (MINIMUM) of two tensors of one quantisation."""
    function = np.maximum if context.node.operator == "MAXIMUM" else np.minimum
    return function(context.value(0), context.value(1))


def squared_difference(context: Context) -> NDArray[Any]:
    """Return the square of the difference of two tensors."""
    return golden.squared_difference(
        _operand(context, 0),
        _operand(context, 1),
        float(context.output_scale),
        context.output_zero_point,
    )


def prelu(context: Context) -> NDArray[np.int8]:
    """Return LiteRT's PRELU with a slope for each value."""
    return golden.prelu(
        context.value(0),
        context.value(1),
        (context.scale(0), context.zero_point(0)),
        (context.output_scale, context.output_zero_point),
        (context.scale(1), context.zero_point(1)),
    )


def function(context: Context) -> NDArray[Any]:
    """Return a function of what the operands express: of whole numbers and truth values as well."""
    name, dtype = context.attributes["function"], context.output.dtype
    if name == "Cast":
        return golden.cast(context.value(0), dtype)
    if dtype == np.bool_:
        return _truth(context, name)
    if dtype != np.float32:
        operands = [context.value(i) for i in range(len(context.node.inputs))]
        if name in ("FloorDiv", "Mod") and not np.all(operands[1]):
            raise ModelError(f"{context.node.name}: division by zero")
        return golden.INTEGER_FUNCTIONS[name](*operands)
    return _float32(context, name)


def _truth(context: Context, name: str) -> NDArray[np.bool_]:
    """Return a comparison, or a function of truth values."""
    operands = [context.value(i) for i in range(len(context.node.inputs))]
    if name in golden.LOGIC:
        return golden.LOGIC[name](*operands)
    if operands[0].dtype == np.int8:
        operands = [
            golden.comparable(x, context.scale(i), context.zero_point(i))
            for i, x in enumerate(operands)
        ]
    return golden.COMPARISONS[name](*operands)


def _float32(context: Context, name: str) -> NDArray[np.float32]:
    """Return a function of real numbers in float32, as the runtime computes it."""
    count = len(context.node.inputs)
    operands = [float32_value(context, i) if context.has(i) else None for i in range(count)]
    with np.errstate(all="ignore"):
        onnx = context.graph.in_onnxruntime
        functions = golden.FLOAT32_FUNCTIONS if onnx else golden.LITERT_FUNCTIONS
        return np.asarray(functions[name](context.attributes, operands), np.float32)

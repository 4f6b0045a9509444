"""Addition and multiplication of two tensors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_sim import golden

from weft.errors import ModelError
from weft.evaluation.context import Context
from weft.evaluation.stage import output_stage

__all__ = ["add", "multiply"]


def _operand(context: Context, index: int) -> tuple[NDArray[Any], float, int]:
    return context.value(index), float(context.scale(index)), context.zero_point(index)


def _in_onnx_runtime(context: Context) -> NDArray[Any]:
    a, b = _operand(context, 0), _operand(context, 1)
    y = (context.output_scale, context.output_zero_point)
    unsigned = bool(context.attributes.get("unsigned", False))
    if context.node.operator == "SUB":
        raise ModelError(f"{context.node.name}: SUB is not supported in ONNX models")
    function = golden.add_float32 if context.node.operator == "ADD" else golden.multiply_float32
    stage = output_stage(context)
    return np.clip(function(a, b, y, unsigned=unsigned), stage.low, stage.high)


def add(context: Context) -> NDArray[Any]:
    """Return the sum (ADD) or difference (SUB) of two tensors."""
    if context.graph.rounding == "onnxruntime":
        return _in_onnx_runtime(context)
    return golden.add(
        _operand(context, 0),
        _operand(context, 1),
        output_stage(context),
        output_scale=float(context.output_scale),
        subtract=context.node.operator == "SUB",
    )


def multiply(context: Context) -> NDArray[Any]:
    """Return the product of two tensors."""
    if context.graph.rounding == "onnxruntime":
        return _in_onnx_runtime(context)
    return golden.multiply_tensors(
        _operand(context, 0), _operand(context, 1), output_stage(context)
    )

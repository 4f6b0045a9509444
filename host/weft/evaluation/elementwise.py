"""Addition and multiplication of two tensors."""

from typing import Any

from numpy.typing import NDArray
from weft_sim import golden

from weft.evaluation.context import Context
from weft.evaluation.stage import output_stage

__all__ = ["add", "multiply"]


def _operand(context: Context, index: int) -> tuple[NDArray[Any], float, int]:
    return context.value(index), float(context.scale(index)), context.zero_point(index)


def add(context: Context) -> NDArray[Any]:
    """Return the sum (ADD) or difference (SUB) of two tensors."""
    return golden.add(
        _operand(context, 0),
        _operand(context, 1),
        output_stage(context),
        output_scale=float(context.output_scale),
        subtract=context.node.operator == "SUB",
    )


def multiply(context: Context) -> NDArray[Any]:
    """Return the product of two tensors."""
    return golden.multiply_tensors(
        _operand(context, 0), _operand(context, 1), output_stage(context)
    )

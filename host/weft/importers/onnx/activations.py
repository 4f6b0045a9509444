"""Which functions of the graph form ONNX's activations are."""

import math
from typing import Any

from weft.graph import ACTIVATIONS
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.values import Constant, QuantizedConstant, Value, real_of

__all__ = ["clip_kind", "unary_kind"]

UNARY = {
    "Sigmoid": "LOGISTIC",
    "Tanh": "TANH",
    "LeakyRelu": "LEAKY_RELU",
    "Elu": "ELU",
    "HardSwish": "HARD_SWISH",
    "Gelu": "GELU",
    "Relu": "RELU",
    "Clip": "",
}


def unary_kind(
    operator: str, attributes: Attributes, operands: tuple[Value | None, ...]
) -> tuple[str, dict[str, Any]]:
    """Return the graph form's name and attributes of a function; none if it has no own."""
    extra: dict[str, Any] = {}
    if operator == "LeakyRelu":
        extra = {"alpha": attributes["alpha"]}
    elif operator == "Gelu":
        extra = {"approximate": attributes["approximate"] == "tanh"}
    elif operator == "Elu" and attributes["alpha"] != 1.0:
        return "", {}
    elif operator == "Clip":
        return clip_kind(attributes, operands) or "", {}
    return UNARY.get(operator, ""), extra


def clip_kind(attributes: Attributes, operands: tuple[Value | None, ...]) -> str | None:
    """Return which activation Clip with these bounds is; None where it is none."""
    bounds: list[float | None] = [attributes.get("min"), attributes.get("max")]
    for index, operand in enumerate(operands[1:3]):
        if isinstance(operand, Constant | QuantizedConstant) and operand.data.size == 1:
            bounds[index] = float(real_of(operand).reshape(-1)[0])
        elif operand is not None:
            return None
    low, high = bounds
    low = -math.inf if low is None or low < -1e30 else low
    high = math.inf if high is None or high > 1e30 else high
    kinds = {both: name for name, both in ACTIVATIONS.items() if name != "NONE"}
    return kinds.get((low, high))

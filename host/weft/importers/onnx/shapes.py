"""Integers that a graph computes from shapes: what exports with an open batch write."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.importers.onnx.values import Activation, Constant, Value, integers, take

__all__ = ["SHAPE_ARITHMETIC", "compute_shape", "is_shape_arithmetic"]

SHAPE_ARITHMETIC = (
    "Shape", "Gather", "Unsqueeze", "Squeeze", "Concat", "Cast", "Slice", "Identity", "Reshape",
)  # fmt: skip
_MOST = 64  # numbers in a shape
_CAST = {6: np.int32, 7: np.int64}


def is_shape_arithmetic(operator: str, operands: tuple[Value | None, ...]) -> bool:
    """Whether a node works on integers alone, or begins with a tensor's shape."""
    if operator == "Shape":
        return True
    known = [x for x in operands if x is not None]
    return operator in SHAPE_ARITHMETIC and bool(known) and all(
        isinstance(x, Constant) and x.data.dtype in (np.int32, np.int64) and x.data.size <= _MOST
        for x in known
    )  # fmt: skip


def compute_shape(
    operator: str, attributes: dict[str, Any], operands: tuple[Value | None, ...]
) -> Constant:
    """Return the result of a node of :func:`is_shape_arithmetic`.

    Raises
    ------
    ModelError
        If the node is malformed.
    """
    try:
        return Constant(_compute(operator, attributes, operands))
    except (ValueError, IndexError, TypeError, OverflowError) as error:
        raise ModelError(f"{operator} of these integers is not possible ({error})") from error


def _compute(
    operator: str, attributes: dict[str, Any], operands: tuple[Value | None, ...]
) -> NDArray[Any]:
    first = take(operands, 0)
    if operator == "Shape":
        if isinstance(first, Constant):
            shape = first.data.shape
        elif isinstance(first, Activation):
            shape = first.shape
        else:
            raise ModelError("the input of Shape is not quantised")
        return np.array(shape, np.int64)[attributes.get("start", 0) : attributes.get("end")]
    if not isinstance(first, Constant):
        raise ModelError(f"{operator} has no input")
    x = first.data
    if operator == "Identity":
        return x
    if operator == "Cast":
        if attributes.get("to") not in _CAST:
            raise ModelError(f"Cast of integers to type {attributes.get('to')} is not supported")
        return x.astype(_CAST[attributes["to"]])
    if operator == "Concat":
        parts = [value.data for value in operands if isinstance(value, Constant)]
        return np.concatenate(parts, axis=attributes.get("axis", 0))
    second = take(operands, 1)
    if operator == "Gather":
        if not isinstance(second, Constant):
            raise ModelError("Gather has no indices")
        return np.take(x, second.data, axis=attributes.get("axis", 0))
    if operator == "Slice":
        starts, ends = (integers(take(operands, i), "the bounds of Slice") for i in (1, 2))
        steps = (1,) if take(operands, 4) is None else integers(take(operands, 4), "its steps")
        if x.ndim != 1 or len(starts) != 1 or len(ends) != 1 or len(steps) != 1 or not steps[0]:
            raise ModelError("Slice of integers must have one dimension")
        return x[starts[0] : ends[0] : steps[0]]
    numbers = attributes.get("axes") if second is None else integers(second, "its operand")
    if operator == "Reshape":
        return x.reshape(numbers)
    if operator == "Squeeze":
        return np.squeeze(x, axis=numbers)
    if numbers is None or len(numbers) > 8:
        raise ModelError("Unsqueeze must have axes")
    return np.expand_dims(x, tuple(numbers))

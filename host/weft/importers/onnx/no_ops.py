"""What ONNX Runtime takes out first: sums with 0, products by 1, an Expand to the same shape."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.importers.onnx.prepare import dimensions_of

__all__ = ["take_out_no_ops"]

Dimensions = tuple[int | str, ...]
_NEUTRAL = {"Add": 0, "Sub": 0, "Mul": 1, "Div": 1}
_EITHER = ("Add", "Mul")  # of which the constant may be the first operand, too


def take_out_no_ops(model: Any) -> None:
    """Let the readers of such nodes of an ONNX model read what these read.

    A node that makes an output of the model stays.
    """
    graph = model.graph
    neutral = _numbers(model)
    asked = any(node.op_type == "Expand" for node in graph.node)
    asked = asked or any(rank > 1 for _, rank in neutral.values())
    dimensions = dimensions_of(model) if asked else {}
    outputs = {value.name for value in graph.output}
    source: dict[str, str] = {}
    kept = []
    for node in graph.node:
        operand = _operand(node, neutral, dimensions) or _unexpanded(node, dimensions)
        if operand is None or node.output[0] in outputs:
            kept.append(node)
        else:
            source[node.output[0]] = operand
    if source:
        del graph.node[:]
        graph.node.extend(kept)
        for node in graph.node:
            for index, name in enumerate(node.input):
                while name in source:
                    node.input[index] = name = source[name]


def _operand(
    node: Any, numbers: Mapping[str, tuple[float, int]], dimensions: Mapping[str, Dimensions]
) -> str | None:
    """Return the operand that ``node`` leaves as it is; None of other nodes."""
    if node.op_type not in _NEUTRAL or node.domain not in ("", "ai.onnx") or len(node.input) != 2:
        return None
    constant = [name in numbers for name in node.input]
    for index in (0, 1) if node.op_type in _EITHER else (1,):
        if constant[index] and not constant[1 - index]:
            number, rank = numbers[node.input[index]]
            other = node.input[1 - index]
            fits = rank <= max(1, len(dimensions.get(other, ())))
            return other if fits and number == _NEUTRAL[node.op_type] else None
    return None


def _unexpanded(node: Any, dimensions: Mapping[str, Dimensions]) -> str | None:
    """Return the operand of an Expand that leaves its shape as it is; None of other nodes."""
    if node.op_type != "Expand" or node.input[0] not in dimensions:
        return None
    before, after = (dimensions.get(name) for name in (node.input[0], node.output[0]))
    known = before is not None and all(isinstance(size, int) for size in before)
    return node.input[0] if known and before == after else None


def _numbers(model: Any) -> dict[str, tuple[float, int]]:
    """Return each float32 constant that is one number, and its dimensions; inputs may change."""
    from onnx import TensorProto, numpy_helper

    graph = model.graph
    inputs = {value.name for value in graph.input} if model.ir_version > 3 else ()
    tensors = [(x.name, x) for x in graph.initializer if x.name not in inputs]
    for node in graph.node:
        if node.op_type == "Constant" and len(node.attribute) == len(node.output) == 1:
            [attribute] = node.attribute
            if attribute.name == "value":
                tensors.append((node.output[0], attribute.t))
    found = {}
    for name, tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT and set(tensor.dims) <= {1}:
            try:
                number = float(np.ravel(numpy_helper.to_array(tensor))[0])
            except (ValueError, TypeError, IndexError, AttributeError):
                continue  # malformed, or in another file: refused, or read, later
            if number in (0, 1):
                found[name] = number, len(tensor.dims)
    return found

"""How many inputs and outputs each operator has, and which attributes."""

from collections.abc import Container

import numpy as np

from weft.errors import ModelError
from weft.golden.arithmetic import (
    COMPARISONS,
    FUNCTION_OPERANDS,
    INTEGER_FUNCTIONS,
    LITERT_FUNCTIONS,
    LOGIC,
    REAL_FUNCTIONS,
)
from weft.graph import ACTIVATIONS, OPERATORS, Graph, Node
from weft.graph.operators import ANYWHERE

__all__ = ["check_form"]


def check_form(graph: Graph, node: Node) -> None:
    """Raise :class:`ModelError` unless ``node`` has the operands and attributes of its operator."""
    operator = OPERATORS[node.operator]
    needed, given = {*operator.attributes}, {*node.attributes}
    allowed = needed | {*operator.optional, *ANYWHERE}
    if not needed <= given <= allowed:
        wrong = ", ".join(sorted((needed - given) | (given - allowed)))
        raise ModelError(f"{node.operator} lacks attributes, or has too many: {wrong}")
    if node.attributes.get("activation", "NONE") not in ACTIVATIONS:
        raise ModelError(f"activation {node.attributes['activation']} is not supported")
    least, most = operator.operands
    if node.operator == "FUNCTION":
        function = node.attributes["function"]
        if function not in _functions(graph, node):
            raise ModelError(f"function {function} is not supported")
        least, most = FUNCTION_OPERANDS.get(function, (1, 1))
        if function != "Clip" and None in node.inputs:
            raise ModelError(f"an operand of {function} is missing")
    if not least <= len(node.inputs) <= most:
        raise ModelError(f"{node.operator} cannot have {len(node.inputs)} inputs")
    if node.inputs[0] is None:
        raise ModelError(f"{node.operator} has no input")
    if len(node.outputs) != operator.results:
        raise ModelError(f"{node.operator} cannot have {len(node.outputs)} outputs")
    if isinstance(node.attributes.get("value", 0), float) and not graph.computes_reals(node):
        raise ModelError("the value of PAD must be an integer")
    approximate = node.attributes.get("approximate")
    if approximate is not None and isinstance(approximate, bool) != (node.operator == "GELU"):
        raise ModelError(f"{node.operator} cannot be approximated by {approximate!r}")


def _functions(graph: Graph, node: Node) -> Container[str]:
    """Return the functions that make what ``node`` makes."""
    if graph.in_onnxruntime:
        return REAL_FUNCTIONS
    made = graph.tensors[node.outputs[0]].dtype
    if made == np.bool_:
        return {*COMPARISONS, *LOGIC, "Cast"}
    return {*(LITERT_FUNCTIONS if made == np.float32 else INTEGER_FUNCTIONS), "Cast"}

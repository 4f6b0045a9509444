"""How many inputs and outputs each operator has, and which attributes."""

from weft.errors import ModelError
from weft.golden.arithmetic import REAL_FUNCTIONS
from weft.graph import OPERATORS, Graph, Node

__all__ = ["check_form"]

_ANY = 1 << 30
_INPUTS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"), (2, 3)),
    **dict.fromkeys(("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM"), (2, 2)),
    "SELECT": (3, 3),
    "SVDF": (5, 5),
    "CONCATENATION": (1, _ANY),
}
_FUNCTION_INPUTS = {
    **dict.fromkeys(("Add", "Div", "Mul", "Pow", "PRelu", "Sub"), (2, 2)),
    **dict.fromkeys(("Max", "Min"), (1, _ANY)),
    "Clip": (1, 3),
}
_OUTPUTS = {"SVDF": 2}
_OPTIONAL = {
    **dict.fromkeys(("ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MEAN"), ("real",)),
    "MAX_POOL_2D": ("dilation",),
    "PAD": ("value",),
    "FULLY_CONNECTED": ("fixed_point",),
    "FUNCTION": ("alpha", "approximate", "beta", "gamma", "max", "min"),
}
_ANYWHERE = ("island", "unsigned")


def check_form(graph: Graph, node: Node) -> None:
    """Raise :class:`ModelError` unless ``node`` has the operands and attributes of its operator."""
    needed, given = {*OPERATORS[node.operator]}, {*node.attributes}
    allowed = needed | {*_OPTIONAL.get(node.operator, ()), *_ANYWHERE}
    if not needed <= given <= allowed:
        wrong = ", ".join(sorted((needed - given) | (given - allowed)))
        raise ModelError(f"{node.operator} lacks attributes, or has too many: {wrong}")
    least, most = _INPUTS.get(node.operator, (1, 1))
    if node.operator == "FUNCTION":
        function = node.attributes["function"]
        if function not in REAL_FUNCTIONS:
            raise ModelError(f"function {function} is not supported")
        least, most = _FUNCTION_INPUTS.get(function, (1, 1))
        if function != "Clip" and None in node.inputs:
            raise ModelError(f"an operand of {function} is missing")
    if not least <= len(node.inputs) <= most:
        raise ModelError(f"{node.operator} cannot have {len(node.inputs)} inputs")
    if len(node.outputs) != _OUTPUTS.get(node.operator, 1):
        raise ModelError(f"{node.operator} cannot have {len(node.outputs)} outputs")
    reals = graph.computes_reals(node)
    if node.operator == "FUNCTION" and not reals:
        raise ModelError("FUNCTION knows real numbers alone")
    if isinstance(node.attributes.get("value", 0), float) and not reals:
        raise ModelError("the value of PAD must be an integer")
    approximate = node.attributes.get("approximate")
    if approximate is not None and isinstance(approximate, bool) != (node.operator == "GELU"):
        raise ModelError(f"{node.operator} cannot be approximated by {approximate!r}")

"""How many inputs and outputs each operator has, and which attributes."""

from weft.errors import ModelError
from weft.graph import OPERATORS, Node

__all__ = ["check_form"]

_ANY = 1 << 30
_INPUTS = {
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED"), (2, 3)),
    **dict.fromkeys(("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM"), (2, 2)),
    "SELECT": (3, 3),
    "SVDF": (5, 5),
    "CONCATENATION": (1, _ANY),
}
_OUTPUTS = {"SVDF": 2}
_OPTIONAL = {
    "MAX_POOL_2D": ("dilation",),
    "PAD": ("value",),
    "FULLY_CONNECTED": ("fixed_point",),
}


def check_form(node: Node) -> None:
    """Raise :class:`ModelError` unless ``node`` has the operands and attributes of its operator."""
    least, most = _INPUTS.get(node.operator, (1, 1))
    if not least <= len(node.inputs) <= most:
        raise ModelError(f"{node.operator} cannot have {len(node.inputs)} inputs")
    if len(node.outputs) != _OUTPUTS.get(node.operator, 1):
        raise ModelError(f"{node.operator} cannot have {len(node.outputs)} outputs")
    needed, given = {*OPERATORS[node.operator]}, {*node.attributes}
    allowed = needed | {*_OPTIONAL.get(node.operator, ()), "unsigned"}
    if not needed <= given <= allowed:
        wrong = ", ".join(sorted((needed - given) | (given - allowed)))
        raise ModelError(f"{node.operator} lacks attributes, or has too many: {wrong}")

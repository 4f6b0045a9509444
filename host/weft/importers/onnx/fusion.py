"""Which groups of DequantizeLinear, operator and QuantizeLinear ONNX Runtime computes in float.

It replaces a group by an integer kernel only where nothing else stands in it: one QuantizeLinear
behind the operator, one integer type throughout, and no activation function in between. A Relu or
Clip that the QuantizeLinear makes superfluous is taken out before. Sums and products want scales
and zero points without dimensions, too, and int8 activations weights of int8. What moves numbers
between DequantizeLinear and operator keeps them apart, with some exceptions.
"""

from weft.graph import ACTIVATIONS
from weft.importers.onnx.values import Activation, Pending, QuantizedConstant, Step, take

__all__ = ["BARRIERS", "left_in_float"]

_PADDED = ("AveragePool", "Conv")
_BINARY = ("Add", "Mul", "Sub")
# Past MaxPool, Reshape, Transpose, Squeeze, Unsqueeze and Slice it brings a DequantizeLinear.
BARRIERS = ("Concat", "Flatten", "GlobalMaxPool", "Pad", "Resize", "Split")


def left_in_float(pending: Pending, step: Step) -> bool:
    """Return whether real numbers are computed, and ``step`` quantises them afterwards."""
    if pending.shared or _is_kept(pending.activation, step):
        return True
    movers = {x.moved_by for x in pending.operands if isinstance(x, Activation)}
    if pending.operator in _PADDED:
        movers.discard("Pad")  # becomes part of the window
    if movers - {""}:
        return True
    steps = [x.step for x in pending.operands if isinstance(x, Activation) and x.step is not None]
    if pending.operator in _BINARY:
        edges = [step, *steps, *(x for x in pending.operands if isinstance(x, QuantizedConstant))]
        return not all(x.scalar for x in edges) or len({x.unsigned for x in edges}) > 1
    weights = take(pending.operands, 1)
    if isinstance(weights, QuantizedConstant) and weights.unsigned and not step.unsigned:
        return True
    return any(s.unsigned != step.unsigned for s in steps)


def _is_kept(activation: str, step: Step) -> bool:
    """Whether an activation clamps what ``step`` could express."""
    if activation == "NONE":
        return False
    low, high = ACTIVATIONS[activation]
    scale = float(step.scale)
    return (-128 - step.zero_point) * scale < low or (127 - step.zero_point) * scale > high

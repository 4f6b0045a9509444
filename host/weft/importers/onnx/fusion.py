"""Which groups of DequantizeLinear, operator and QuantizeLinear ONNX Runtime computes in float.

It replaces a group by an integer kernel only where nothing else stands in it: one QuantizeLinear
behind the operator, one integer type throughout, and no activation function in between. A Relu or
Clip that the QuantizeLinear makes superfluous is taken out before.
"""

from weft.importers.onnx.values import Activation, Pending, Step

__all__ = ["left_in_float"]

_BOUNDS = {
    "RELU": (0.0, float("inf")),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}


def left_in_float(pending: Pending, step: Step) -> bool:
    """Return whether real numbers are computed, and ``step`` quantises them afterwards."""
    if pending.shared or _is_kept(pending.activation, step):
        return True
    steps = [x.step for x in pending.operands if isinstance(x, Activation)]
    return any(s is not None and s.unsigned != step.unsigned for s in steps)


def _is_kept(activation: str, step: Step) -> bool:
    """Whether an activation clamps what ``step`` could express."""
    if activation == "NONE":
        return False
    low, high = _BOUNDS[activation]
    scale = float(step.scale)
    return (-128 - step.zero_point) * scale < low or (127 - step.zero_point) * scale > high

"""Which groups of DequantizeLinear, operator and QuantizeLinear ONNX Runtime computes in float.

It replaces a group by an integer kernel only where nothing else stands in it: one QuantizeLinear
behind the operator, one integer type throughout, and no activation function in between. A Relu or
Clip that the QuantizeLinear makes superfluous is taken out before. Sums and products want scales
and zero points without dimensions, too, int8 activations weights of int8, and Gemm a zero point
in the DequantizeLinear of both operands. What moves numbers
between DequantizeLinear and operator keeps them apart, with some exceptions.
"""

import math
from dataclasses import replace

import numpy as np

from weft.graph import ACTIVATIONS
from weft.importers.onnx.moves import MOVES
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    take,
)

__all__ = ["behind_mover", "is_barrier", "is_reshaped", "left_in_float", "without_clamp"]

_BINARY = ("Add", "Mul", "Sub")
# Past MaxPool, Reshape, Transpose, Squeeze, Unsqueeze and Slice it brings a DequantizeLinear.
_BARRIERS = (
    "Concat",
    "DepthToSpace",
    "Expand",
    "Flatten",
    "Gather",
    "GlobalMaxPool",
    "Pad",
    "ReduceMax",
    "ReduceMin",
    "Resize",
    "SpaceToDepth",
    "Split",
    "Tile",
)
# Behind other movers than these a clamp keeps its group in float, even where it is taken out.
_CROSSED = ("Dropout", "Identity", "Transpose")
_INTEGER_MAX_POOL = 12  # the opset that has it
# An output range may reach so far beyond the bounds of a Clip that the runtime leaves out.
_EPSILON = float(np.finfo(np.float32).eps)


def left_in_float(pending: Pending, qparams: QParams) -> bool:
    """Return whether real numbers are computed, and ``qparams`` quantises them afterwards."""
    if pending.shared or _is_kept(pending.activation, qparams):
        return True
    movers = {x.moved_by for x in pending.operands if isinstance(x, Activation)}
    if movers - _merged_pads(pending) - {""} or any(map(_is_changed, pending.operands)):
        return True
    found = [
        x.qparams for x in pending.operands if isinstance(x, Activation) and x.qparams is not None
    ]
    if pending.operator in _BINARY:
        edges = [
            qparams,
            *found,
            *(x for x in pending.operands if isinstance(x, QuantizedConstant)),
        ]
        return not all(x.scalar for x in edges) or len({x.unsigned for x in edges}) > 1
    weights = take(pending.operands, 1)
    if _is_gemm(pending) and (
        any(s.bare for s in found) or (isinstance(weights, QuantizedConstant) and weights.bare)
    ):
        return True
    if isinstance(weights, QuantizedConstant):
        # The first factor must be of the result's type, the second of int8 if that is.
        first = pending.attributes.get("turned", False)
        if (weights.unsigned and not qparams.unsigned) or (
            first and weights.unsigned != qparams.unsigned
        ):
            return True
    return any(s.unsigned != qparams.unsigned for s in found)


def _is_changed(value: Value | None) -> bool:
    """Whether a constant is no longer what a DequantizeLinear or the file gives."""
    if isinstance(value, QuantizedConstant):
        return value.moved
    return isinstance(value, Constant) and value.dequantised


def _is_gemm(pending: Pending) -> bool:
    """Whether the runtime's Gemm computes a product, whose integer kernel wants zero points."""
    return pending.operator == "Gemm" or (
        pending.operator == "MatMul" and take(pending.operands, 2) is not None
    )


def _merged_pads(pending: Pending) -> set[str]:
    """Return which kinds of Pad the runtime makes a part of the window of ``pending``."""
    attributes = pending.attributes
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", ""):
        return set()
    if pending.operator == "Conv":
        return {"Pad", "Pad by nothing"}
    if pending.operator != "AveragePool":
        return set()
    # What the Pad adds counts, so that the pool may have no padding that does not.
    padded = any(attributes.get("pads", ()))
    found = set() if padded and not attributes.get("count_include_pad", 0) else {"Pad by nothing"}
    return found if padded or attributes.get("ceil_mode", 0) else found | {"Pad"}


def _is_kept(activation: str, qparams: QParams) -> bool:
    """Whether an activation clamps what ``qparams`` could express."""
    if activation == "NONE":
        return False
    low, high = ACTIVATIONS[activation]
    scale = float(qparams.scale)
    return (-128 - qparams.zero_point) * scale < low or (127 - qparams.zero_point) * scale > high


def is_barrier(mover: str, version: int) -> bool:
    """Whether the runtime brings neither Q nor DQ past operator ``mover`` of this version."""
    return mover in _BARRIERS or (mover == "MaxPool" and version < _INTEGER_MAX_POOL)


def behind_mover(mover: str, clamped: Pending) -> Pending:
    """Return ``clamped``, whose clamp stands behind ``mover`` in the file."""
    return clamped if mover in _CROSSED else replace(clamped, shared=True)


def without_clamp(pending: Pending, qparams: QParams) -> Pending:
    """Return ``pending`` without a Relu or Clip behind it that the runtime finds superfluous."""
    if pending.activation in ("RELU6", "RELU_N1_TO_1"):
        covered = _covers(ACTIVATIONS[pending.activation], qparams)
        return replace(pending, activation="NONE") if covered else pending
    inner = take(pending.operands, 0)
    if not isinstance(inner, Pending) or pending.activation != "NONE" or pending.shared:
        return pending
    if _is_moved(inner):
        inner = replace(inner, shared=True)  # the clamp was between, when the runtime looked
    if pending.operator == "Relu" and qparams.zero_point == -128:
        return without_clamp(inner, qparams)
    if pending.operator == "Clip":
        low, high = (_number(pending, index, key) for index, key in ((1, "min"), (2, "max")))
        if low is not None and high is not None and _covers((low, high), qparams):
            return without_clamp(inner, qparams)
    return pending


def _is_moved(value: Value | None) -> bool:
    """Whether a mover stands between ``value`` and the operator that computes it."""
    while isinstance(value, Pending) and value.operator in MOVES:
        if value.operator not in _CROSSED:
            return True
        value = take(value.operands, 0)
    return isinstance(value, Pending) and is_reshaped(value)


def is_reshaped(pending: Pending) -> bool:
    """Whether a clamp behind a layer keeps the runtime from quantising its bias.

    It makes a Gemm of MatMul and bias, of other than two dimensions with a Reshape behind it.
    """
    x, bias = take(pending.operands, 0), take(pending.operands, 2)
    rows = pending.operator == "MatMul" and isinstance(x, Activation) and len(x.shape) != 2
    return rows and isinstance(bias, Constant)


def _covers(bounds: tuple[float, float], qparams: QParams) -> bool:
    low, high = map(np.float32, bounds)  # the runtime compares in float32
    least, most = (qparams.scale * np.float32(x - qparams.zero_point) for x in (-128, 127))
    return bool(low - least <= _EPSILON and most - high <= _EPSILON)


def _number(clip: Pending, index: int, key: str) -> float | None:
    """Return a bound of Clip; infinite where it has none, None where it is no plain number."""
    operand = take(clip.operands, index)
    if operand is None:
        return clip.attributes.get(key, -math.inf if key == "min" else math.inf)
    if not isinstance(operand, Constant) or operand.data.size != 1:
        return None
    return float(operand.data.reshape(-1)[0])

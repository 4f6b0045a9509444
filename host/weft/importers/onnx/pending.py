"""Float operators that wait for what comes behind them."""

from dataclasses import replace

from weft.errors import ModelError
from weft.golden.arithmetic import FLOAT32_FUNCTIONS
from weft.importers.onnx import elementwise as onnx_elementwise
from weft.importers.onnx import moves as onnx_moves
from weft.importers.onnx.activations import clip_kind
from weft.importers.onnx.affine import by_channel, normalisation
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.fusion import behind_mover, is_reshaped
from weft.importers.onnx.islands import BINARY, LINEAR
from weft.importers.onnx.tables import is_function
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    qparams_of_constant,
    take,
)

__all__ = ["fused", "joined", "normalised", "pending_of"]


def fused(
    operator: str, attributes: Attributes, operands: tuple[Value | None, ...]
) -> Pending | None:
    """Return the first operand with Relu or Clip behind it; None where it cannot take that in."""
    pending = take(operands, 0)
    if not isinstance(pending, Pending):
        return None
    inner = take(pending.operands, 0)
    if pending.operator in onnx_moves.MOVES and isinstance(inner, Pending):
        # A function of each number alone does not mind where the numbers lie.
        within = fused(operator, attributes, (inner, *operands[1:]))
        if within is None:
            return None
        within = behind_mover(pending.operator, within)
        return replace(pending, operands=(within, *pending.operands[1:]))
    kind = "RELU" if operator == "Relu" else clip_kind(attributes, operands)
    if pending.activation != "NONE" or kind is None or pending.operator not in (*LINEAR, *BINARY):
        return None
    return replace(pending, activation=kind, shared=pending.shared or is_reshaped(pending))


def pending_of(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
) -> Pending:
    """Return a float operator, its operands in real numbers where nothing else will do.

    What only moves numbers can wait for the next QuantizeLinear, and so can a function of one
    tensor.
    """
    pending = Pending(operator, name, attributes, operands)
    # A clamp may turn out to be superfluous.
    clamps = operator in ("Relu", "Clip") and isinstance(take(operands, 0), Pending)
    if operator in (*onnx_moves.MOVES, "Concat") or clamps:
        return pending
    if operator in FLOAT32_FUNCTIONS and is_function(pending):
        return pending
    if (layer := by_channel(pending)) is not None:
        return layer
    reals = (real(builder, x, x.name) if isinstance(x, Pending) else x for x in operands)
    return replace(pending, operands=tuple(reals))


def normalised(
    builder: Builder, name: str, attributes: Attributes, operands: tuple[Value | None, ...]
) -> Pending:
    """Return BatchNormalization of what is no layer with weights."""
    affine, value = normalisation(attributes, operands), take(operands, 0)
    if isinstance(value, Pending):
        value = real(builder, value, value.name)
    if not isinstance(value, Activation) or value.shape[1:2] != affine.factor.shape:
        raise ModelError("the parameters of BatchNormalization do not fit its input")
    column = (-1, *(1,) * (len(value.shape) - 2))
    factor, offset = (Constant(x.reshape(column)) for x in (affine.factor, affine.offset))
    product = pending_of(builder, "Mul", f"{name}/Mul", Attributes(), (value, factor))
    return pending_of(builder, "Add", name, Attributes(), (product, offset))


def joined(
    builder: Builder,
    name: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    output: str,
) -> Activation | None:
    """Return Concat of tensors that are quantised alike; None where they are not."""
    found = {_qparams(x) for x in operands}
    if len(found) != 1 or (qparams := found.pop()) is None:
        return None
    layer = Pending("Concat", name, attributes, operands)
    return onnx_elementwise.concatenation(builder, layer, qparams, output)


def _qparams(value: Value | None) -> QParams | None:
    """Return the quantisation of a tensor or a constant; None where it has none, or several."""
    if isinstance(value, Activation):
        return value.qparams
    return qparams_of_constant(value) if isinstance(value, QuantizedConstant) else None

"""ONNX's float operators, added to the graph once their result is quantised, or needed."""

import math
from dataclasses import replace
from typing import Any

from weft.errors import ModelError
from weft.golden.arithmetic import CONDITIONS, FLOAT32_FUNCTIONS
from weft.graph import ACTIVATIONS
from weft.importers.onnx import elementwise as onnx_elementwise
from weft.importers.onnx import moves as onnx_moves
from weft.importers.onnx import pad as onnx_pad
from weft.importers.onnx import reductions as onnx_reductions
from weft.importers.onnx import windows as onnx_windows
from weft.importers.onnx.affine import by_channel, folded, has_coarse_bias, normalisation
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.fusion import BARRIERS, left_in_float, without_clamp
from weft.importers.onnx.islands import (
    BINARY,
    LINEAR,
    add_activation,
    add_affine,
    add_function,
    needs_reals,
)
from weft.importers.onnx.left_weights import with_quantised_weights
from weft.importers.onnx.matmul import MATMUL, batch_matmul, product
from weft.importers.onnx.resize import linear_resize
from weft.importers.onnx.softmax import SOFTMAX, softmax
from weft.importers.onnx.tables import check_places, check_resolution, is_function, tabulate
from weft.importers.onnx.transposed import transposed_convolution
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Step,
    Value,
    real_of,
    step_of_constant,
    take,
)

__all__ = [
    "LINEAR_RESIZE",
    "PENDING",
    "finish",
    "fused",
    "joined",
    "normalised",
    "pending_of",
    "real",
]

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
LINEAR_RESIZE = "linear Resize"
# Every float operator whose result must be quantised next.
PENDING = (
    "Conv",
    "ConvTranspose",
    "AveragePool",
    "GlobalAveragePool",
    "Gemm",
    "MatMul",
    "Concat",
    "ReduceMean",
    "ReduceSum",
    *SOFTMAX,
    LINEAR_RESIZE,
    MATMUL,
    *FLOAT32_FUNCTIONS,
)


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
        return within and replace(pending, operands=(within, *pending.operands[1:]))
    kind = "RELU" if operator == "Relu" else clip_kind(attributes, operands)
    if pending.activation != "NONE" or kind is None or pending.operator not in (*LINEAR, *BINARY):
        return None
    return replace(pending, activation=kind)


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
    steps = {_step(x) for x in operands}
    if len(steps) != 1 or (step := steps.pop()) is None:
        return None
    layer = Pending("Concat", name, attributes, operands)
    return onnx_elementwise.concatenation(builder, layer, step, output)


def _step(value: Value | None) -> Step | None:
    """Return the quantisation of a tensor or a constant; None where it has none, or several."""
    if isinstance(value, Activation):
        return value.step
    return step_of_constant(value) if isinstance(value, QuantizedConstant) else None


def real(builder: Builder, pending: Pending, output: str) -> Activation:
    """Return the real numbers that ``pending`` computes; they are computed once."""
    if (known := builder.known_real(pending)) is not None:
        return known
    operands = tuple(
        real(builder, x, f"{output}/{x.operator}") if isinstance(x, Pending) else x
        for x in pending.operands
    )
    if pending.activation != "NONE":
        bare = real(builder, replace(pending, activation="NONE"), f"{output}/{pending.operator}")
        value = add_activation(builder, pending.name, bare, pending.activation, output)
    elif pending.affine is not None:
        bare = real(builder, replace(pending, affine=None), f"{output}/{pending.operator}")
        value = add_affine(builder, pending, bare, output)
    elif pending.operator in onnx_moves.MOVES:
        if pending.operator == "Pad":
            onnx_pad.require_step(pending.attributes, operands)
        value = onnx_moves.move(
            builder, pending.operator, pending.name, pending.attributes, operands, output
        )
        if pending.operator == "Pad" and value.step is not None:
            value = replace(value, moved_by="Pad of values")
    elif pending.operator in FLOAT32_FUNCTIONS:
        value = add_function(builder, replace(pending, operands=operands), output)
    else:
        value = _finish(builder, replace(pending, operands=operands), None, output)
    return builder.remember_real(pending, value)


def finish(builder: Builder, pending: Pending, step: Step, output: str) -> Activation:
    """Add the node of a float operator whose result is quantised by ``step`` now."""
    if pending.operator in CONDITIONS:
        raise ModelError(f"QuantizeLinear of what {pending.operator} makes, which is no number")
    pending = with_quantised_weights(without_clamp(pending, step))
    operands, name = pending.operands, pending.name
    inner = take(operands, 0)
    if pending.operator in onnx_moves.MOVES and isinstance(inner, Pending):
        # Numbers that only move may as well be quantised first.
        if pending.operator in BARRIERS or pending.shared:
            inner = replace(inner, shared=True)
        value = finish(builder, inner, step, f"{output}/{inner.operator}")
        rest = (value, *operands[1:])
        return onnx_moves.move(builder, pending.operator, name, pending.attributes, rest, output)
    if pending.operator == "Concat":
        pending = replace(
            pending,
            operands=tuple(
                finish(builder, replace(x, shared=True), step, f"{output}/{i}")
                if isinstance(x, Pending)
                else x
                for i, x in enumerate(operands)
            ),
        )
    layer = None if pending.affine is None else folded(pending)
    if layer is not None and not has_coarse_bias(layer, step):
        pending = replace(layer, shared=True)
    # The runtime's float Softmax is another one than its table of exponentials.
    left = pending.operator in ("Softmax", MATMUL) or has_coarse_bias(pending, step)
    if needs_reals(pending) or (left and left_in_float(pending, step)):
        check_resolution(pending, step)
        value = real(builder, pending, f"{output}/real")
        return builder.quantized(value, step, f"{name}/quantized", output)
    return _finish(builder, pending, step, output)


def _finish(builder: Builder, pending: Pending, step: Step | None, output: str) -> Activation:
    """Add the node of a float operator; without ``step`` its result is real."""
    operands, name = pending.operands, pending.name
    operator, attributes = pending.operator, pending.attributes
    island = step is not None and left_in_float(pending, step)
    first = take(operands, 0)
    if operator == "Conv":
        return onnx_windows.convolution(builder, pending, step, output, island=island)
    if operator in ("Gemm", "MatMul"):
        return product(builder, pending, step, output, island=island)
    if operator == MATMUL:
        return batch_matmul(builder, pending, step, output)
    if operator == "ConvTranspose":
        return transposed_convolution(builder, pending, step, output)
    if operator == "AveragePool":
        return onnx_windows.average_pool(builder, pending, step, output, real=island)
    if operator == "GlobalAveragePool":
        return onnx_windows.global_average_pool(builder, pending, step, output, real=island)
    if operator == "ReduceMean":
        return onnx_reductions.mean(builder, pending, step, output)
    if operator == "Concat":
        return onnx_elementwise.concatenation(builder, pending, step, output)
    if operator == LINEAR_RESIZE:
        return linear_resize(builder, pending, step, output)
    if operator in SOFTMAX:
        old = attributes.version < 13
        axis = attributes["axis"]
        return softmax(builder, operator, name, axis, first, step, output, flattened=old)
    if operator == "ReduceSum":
        return onnx_reductions.total(builder, name, attributes, operands, output)
    if step is None:
        raise ModelError(f"the result of {operator} is not quantised")
    if operator == "Pad":
        return onnx_pad.pad(builder, name, attributes, operands, output, step)
    if operator in BINARY and _on_tensors(operands):
        return onnx_elementwise.binary(builder, pending, step, output, real=island)
    kind, extra = _kind(operator, attributes, operands)
    if not kind or isinstance(first, Pending):
        return tabulate(builder, pending, step, output)
    if operator == "Elu":
        check_places(pending, step)
    return onnx_elementwise.unary(builder, name, kind, extra, first, step, output)


def _on_tensors(operands: tuple[Value | None, ...]) -> bool:
    """Whether a kernel on quantised operands runs, or float arithmetic on them."""
    return all(isinstance(x, Activation | QuantizedConstant) for x in operands)


def _kind(
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

"""ONNX's float operators, added to the graph once their result is quantised, or needed."""

from dataclasses import replace

from weft.errors import ModelError
from weft.golden.arithmetic import CONDITIONS, FLOAT32_FUNCTIONS
from weft.importers.onnx import elementwise as onnx_elementwise
from weft.importers.onnx import moves as onnx_moves
from weft.importers.onnx import pad as onnx_pad
from weft.importers.onnx import pools as onnx_pools
from weft.importers.onnx import reductions as onnx_reductions
from weft.importers.onnx import windows as onnx_windows
from weft.importers.onnx.activations import unary_kind
from weft.importers.onnx.affine import folded, has_coarse_bias
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.fusion import is_barrier, left_in_float, without_clamp
from weft.importers.onnx.islands import (
    BINARY,
    add_activation,
    add_affine,
    add_function,
    needs_reals,
)
from weft.importers.onnx.left_weights import with_quantised_weights
from weft.importers.onnx.matmul import MATMUL, batch_matmul, product
from weft.importers.onnx.resize import linear_resize
from weft.importers.onnx.softmax import SOFTMAX, softmax
from weft.importers.onnx.tables import check_places, check_resolution, tabulate
from weft.importers.onnx.transposed import transposed_convolution
from weft.importers.onnx.values import Activation, Pending, QParams, QuantizedConstant, Value, take

__all__ = ["LINEAR_RESIZE", "PENDING", "finish", "real"]

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


def real(builder: Builder, pending: Pending, output: str) -> Activation:
    """Return the real numbers that ``pending`` computes; they are computed once."""
    if pending in builder.reals:
        return builder.reals[pending]
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
            onnx_pad.require_expressible(pending.attributes, operands)
        value = onnx_moves.move(
            builder, pending.operator, pending.name, pending.attributes, operands, output
        )
        if pending.operator == "Pad" and value.qparams is not None:
            value = replace(value, moved_by="Pad of values")
    elif pending.operator in FLOAT32_FUNCTIONS:
        value = add_function(builder, replace(pending, operands=operands), output)
    else:
        value = _finish(builder, replace(pending, operands=operands), None, output)
    builder.reals[pending] = value
    return value


def finish(builder: Builder, pending: Pending, qparams: QParams, output: str) -> Activation:
    """Add the node of a float operator whose result is quantised by ``qparams`` now."""
    if pending.operator in CONDITIONS:
        raise ModelError(f"QuantizeLinear of what {pending.operator} makes, which is no number")
    pending = with_quantised_weights(without_clamp(pending, qparams))
    operands, name = pending.operands, pending.name
    inner = take(operands, 0)
    if pending.operator in onnx_moves.MOVES and isinstance(inner, Pending):
        # Numbers that only move may as well be quantised first.
        barrier = is_barrier(pending.operator, pending.attributes.version)
        if barrier or pending.shared:
            inner = replace(inner, shared=True)
        value = finish(builder, inner, qparams, f"{output}/{inner.operator}")
        rest = (value, *operands[1:])
        return onnx_moves.move(builder, pending.operator, name, pending.attributes, rest, output)
    if pending.operator == "Concat":
        pending = replace(
            pending,
            operands=tuple(
                finish(builder, replace(x, shared=True), qparams, f"{output}/{i}")
                if isinstance(x, Pending)
                else x
                for i, x in enumerate(operands)
            ),
        )
    layer = None if pending.affine is None else folded(pending)
    if layer is not None and not has_coarse_bias(layer, qparams):
        pending = replace(layer, shared=True)
    # The runtime's float Softmax is another one than its table of exponentials.
    left = pending.operator in ("Softmax", MATMUL) or has_coarse_bias(pending, qparams)
    if needs_reals(pending) or (left and left_in_float(pending, qparams)):
        check_resolution(pending, qparams)
        value = real(builder, pending, f"{output}/real")
        return builder.quantized(value, qparams, f"{name}/quantized", output)
    return _finish(builder, pending, qparams, output)


def _finish(builder: Builder, pending: Pending, qparams: QParams | None, output: str) -> Activation:
    """Add the node of a float operator; without ``qparams`` its result is real."""
    operands, name = pending.operands, pending.name
    operator, attributes = pending.operator, pending.attributes
    island = qparams is not None and left_in_float(pending, qparams)
    first = take(operands, 0)
    if operator == "Conv":
        return onnx_windows.convolution(builder, pending, qparams, output, island=island)
    if operator in ("Gemm", "MatMul"):
        return product(builder, pending, qparams, output, island=island)
    if operator == MATMUL:
        return batch_matmul(builder, pending, qparams, output)
    if operator == "ConvTranspose":
        return transposed_convolution(builder, pending, qparams, output)
    if operator == "AveragePool":
        return onnx_pools.average_pool(builder, pending, qparams, output, real=island)
    if operator == "GlobalAveragePool":
        return onnx_pools.global_average_pool(builder, pending, qparams, output, real=island)
    if operator == "ReduceMean":
        return onnx_reductions.mean(builder, pending, qparams, output)
    if operator == "Concat":
        return onnx_elementwise.concatenation(builder, pending, qparams, output)
    if operator == LINEAR_RESIZE:
        return linear_resize(builder, pending, qparams, output)
    if operator in SOFTMAX:
        old = attributes.version < 13
        axis = attributes["axis"]
        return softmax(builder, operator, name, axis, first, qparams, output, flattened=old)
    if operator == "ReduceSum":
        return onnx_reductions.total(builder, name, attributes, operands, output)
    if qparams is None:
        raise ModelError(f"the result of {operator} is not quantised")
    if operator == "Pad":
        return onnx_pad.pad(builder, name, attributes, operands, output, qparams)
    if operator in BINARY and _on_tensors(operands):
        return onnx_elementwise.binary(builder, pending, qparams, output, real=island)
    kind, extra = unary_kind(operator, attributes, operands)
    if not kind or isinstance(first, Pending):
        return tabulate(builder, pending, qparams, output)
    if operator == "Elu":
        check_places(pending, qparams)
    return onnx_elementwise.unary(builder, name, kind, extra, first, qparams, output)


def _on_tensors(operands: tuple[Value | None, ...]) -> bool:
    """Whether a kernel on quantised operands runs, or float arithmetic on them."""
    return all(isinstance(x, Activation | QuantizedConstant) for x in operands)

"""ONNX's float operators, added to the graph once their result is quantised."""

from typing import Any

from weft.errors import ModelError
from weft.importers.onnx import elementwise as onnx_elementwise
from weft.importers.onnx import moves as onnx_moves
from weft.importers.onnx import pad as onnx_pad
from weft.importers.onnx import windows as onnx_windows
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.functions import FUNCTIONS
from weft.importers.onnx.tables import tabulate
from weft.importers.onnx.transposed import transposed_convolution
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Step,
    Value,
    take,
)

__all__ = ["PENDING", "clip_kind", "finish"]

BINARY = ("Add", "Sub", "Mul")
UNARY = {
    "Sigmoid": "LOGISTIC", "Tanh": "TANH", "LeakyRelu": "LEAKY_RELU", "Elu": "ELU",
    "HardSwish": "HARD_SWISH", "Gelu": "GELU", "Relu": "RELU", "Clip": "",
}  # fmt: skip
# Every float operator whose result must be quantised next.
PENDING = (
    "Conv", "ConvTranspose", "AveragePool", "GlobalAveragePool", "Gemm", "MatMul", "Concat",
    "Softmax", "ReduceMean", *FUNCTIONS,
)  # fmt: skip


def finish(
    builder: Builder, pending: Pending, step: Step, output: str, opset: int
) -> Activation:
    """Add the node of a float operator whose result is quantised by ``step`` now."""
    operands, name = pending.operands, pending.name
    operator, attributes, activation = pending.operator, pending.attributes, pending.activation
    if operator == "Conv":
        return onnx_windows.convolution(
            builder, name, attributes, operands, step, output, activation
        )
    if operator in ("Gemm", "MatMul"):
        return onnx_elementwise.fully_connected(
            builder, name, operator, attributes, operands, step, output, activation
        )
    if operator == "ConvTranspose":
        return transposed_convolution(
            builder, name, attributes, operands, step, output, activation
        )
    if operator in BINARY and _on_tensors(operands):
        return onnx_elementwise.binary(
            builder, name, operator, operands, step, output, activation
        )
    if activation != "NONE":
        raise ModelError(f"{operator} with a fused activation is not supported")
    first = take(operands, 0)
    if operator == "Pad":
        return onnx_pad.pad(builder, name, attributes, operands, output, step)
    if operator == "AveragePool":
        return onnx_windows.average_pool(builder, name, attributes, first, step, output)
    if operator == "GlobalAveragePool":
        return onnx_windows.global_average_pool(builder, name, first, step, output)
    if operator == "ReduceMean":
        return _reduce_mean(builder, pending, step, output)
    if operator == "Concat":
        return onnx_elementwise.concatenation(
            builder, name, attributes, operands, step, output
        )
    if operator == "Softmax":
        axis = attributes.get("axis", -1 if opset >= 13 else 1)
        return onnx_elementwise.softmax(builder, name, axis, first, step, output)
    kind, extra = _kind(operator, attributes, operands)
    if not kind or isinstance(first, Pending):
        return tabulate(builder, pending, step, output)
    return onnx_elementwise.unary(builder, name, kind, extra, first, step, output)


def _on_tensors(operands: tuple[Value | None, ...]) -> bool:
    """Whether a kernel on quantised operands runs, or float arithmetic on them."""
    return all(isinstance(x, Activation | QuantizedConstant) for x in operands)


def _kind(
    operator: str, attributes: dict[str, Any], operands: tuple[Value | None, ...]
) -> tuple[str, dict[str, Any]]:
    """Return the graph form's name and attributes of a function; none if it has no own."""
    extra: dict[str, Any] = {}
    if operator == "LeakyRelu":
        extra = {"alpha": attributes.get("alpha", 0.01)}
    elif operator == "Gelu":
        extra = {"approximate": attributes.get("approximate", "none") == "tanh"}
    elif operator == "Elu" and attributes.get("alpha", 1.0) != 1.0:
        return "", {}
    elif operator == "Clip":
        try:
            return clip_kind(attributes, operands), {}
        except ModelError:
            return "", {}
    return UNARY.get(operator, ""), extra


def _reduce_mean(builder: Builder, pending: Pending, step: Step, output: str) -> Activation:
    value = take(pending.operands, 0)
    if not isinstance(value, Activation):
        raise ModelError("the input of ReduceMean is not quantised")
    axes = onnx_moves.mean_axes(pending.attributes, pending.operands, len(value.shape))
    if len(value.shape) != 4 or axes != (2, 3):
        raise ModelError(f"ReduceMean over axes {axes} of {value.shape} is not supported")
    result = onnx_windows.global_average_pool(builder, pending.name, value, step, output)
    if pending.attributes.get("keepdims", 1):
        return result
    shape = value.shape[:2]
    return builder.reshaped(builder.plain(result), shape, f"{output}/squeezed")


def clip_kind(attributes: dict[str, Any], operands: tuple[Value | None, ...]) -> str:
    """Return which activation Clip with these bounds is."""
    bounds: list[float | None] = [attributes.get("min"), attributes.get("max")]
    for index, operand in enumerate(operands[1:3]):
        if isinstance(operand, Constant) and operand.data.size == 1:
            bounds[index] = float(operand.data.reshape(-1)[0])
        elif isinstance(operand, QuantizedConstant) and operand.data.size == 1:
            q = operand.quantization
            bounds[index] = float((int(operand.data.reshape(-1)[0]) - q.zero_point[0]) * q.scale[0])
        elif operand is not None:
            raise ModelError("the bounds of Clip must be constant")
    kinds = {(0.0, 6.0): "RELU6", (0.0, None): "RELU", (-1.0, 1.0): "RELU_N1_TO_1"}
    low, high = bounds
    high = None if high is not None and high > 1e30 else high
    if (low, high) not in kinds:
        raise ModelError(f"Clip from {low} to {high} is not supported")
    return kinds[low, high]  # type: ignore[index]

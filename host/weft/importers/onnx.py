"""ONNX models as ``onnxruntime.quantization`` writes them, into the graph form."""

from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph, Quantization
from weft.importers import onnx_elementwise, onnx_moves, onnx_windows
from weft.importers.check import check
from weft.importers.onnx_builder import Builder
from weft.importers.onnx_qoperators import QOPERATORS, as_quantized, quantized_constant
from weft.importers.onnx_values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Step,
    Value,
    attributes_of,
    constant_of,
    step_of,
    take,
)
from weft.importers.problems import Problems

__all__ = ["import_onnx"]

_ELEMENT_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64}
_WINDOWED = ("Conv", "AveragePool", "GlobalAveragePool")
_BINARY = ("Add", "Sub", "Mul")
_UNARY = {
    "Sigmoid": "LOGISTIC", "Tanh": "TANH", "LeakyRelu": "LEAKY_RELU", "Elu": "ELU",
    "HardSwish": "HARD_SWISH", "Gelu": "GELU", "Relu": "RELU", "Clip": "",
}  # fmt: skip
# Float operators whose result must be quantised next.
_PENDING = (*_WINDOWED, *_BINARY, *_UNARY, "Gemm", "MatMul", "Concat", "Softmax", "ReduceMean")
_MOVES = (
    "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Pad", "Resize",
    "ArgMax", "Identity", "Dropout",
)  # fmt: skip


def import_onnx(data: bytes, name: str, rounding: str, *, source: str) -> Graph:
    """Return the graph of the ONNX model in ``data``.

    Raises
    ------
    ModelError
        If ``data`` is no ONNX model, or holds what is not supported; everything is named.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError) as error:
        raise ModelError(f"{source} is neither a .tflite nor a readable ONNX model") from error
    if not model.graph.node or not model.graph.input or not model.graph.output:
        raise ModelError(f"{source} is neither a .tflite nor an ONNX model with layers")
    return _Importer(model, name, rounding).run()


class _Importer:
    """Walks the nodes once, in the order in which the file must have them."""

    def __init__(self, model: Any, name: str, rounding: str):
        self._graph, self._name = model.graph, name
        self._opset = max(
            (o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1
        )
        self._builder = Builder(name, rounding)
        self._values: dict[str, Value] = {}
        self._inputs: list[str] = []

    def run(self) -> Graph:
        problems = Problems(self._name)
        for initializer in self._graph.initializer:
            with problems.layer(initializer.name):
                self._values[initializer.name] = constant_of(initializer)
        problems.finish()
        for value in self._graph.input:
            with problems.layer(value.name):
                if value.name not in self._values:
                    self._input(value)
        problems.finish()
        failed: set[str] = set()
        for index, node in enumerate(self._graph.node):
            label = node.name or f"{node.op_type} {index}"
            if any(x in failed for x in node.input) and self._known(node.op_type):
                # What is wrong was said where it began.
                failed.update(node.output)
                continue
            with problems.layer(label):
                try:
                    self._node(node, label)
                except ModelError:
                    failed.update(node.output)
                    raise
        problems.finish()
        outputs = []
        for value in self._graph.output:
            with problems.layer(value.name):
                outputs.append(self._output(value.name))
        problems.finish()
        graph = self._builder.graph(tuple(self._inputs), tuple(outputs))
        check(graph)
        return graph

    @staticmethod
    def _known(operator: str) -> bool:
        others = ("QuantizeLinear", "DequantizeLinear", "Constant")
        return operator in (*_PENDING, *_MOVES, *others, *QOPERATORS)

    def _input(self, value: Any) -> None:
        kind = value.type.tensor_type
        dtype = _ELEMENT_TYPES.get(kind.elem_type)
        if dtype not in (np.float32, np.uint8, np.int8):
            raise ModelError(f"an input of type {kind.elem_type} is not supported")
        shape = []
        for axis, dim in enumerate(kind.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value > 0:
                shape.append(int(dim.dim_value))
            elif axis == 0:
                shape.append(1)
            else:
                raise ModelError(f"dimension {axis} of input {value.name} must be a number")
        if not shape or np.prod(np.array(shape, np.float64)) > 1 << 28:
            raise ModelError(f"input {value.name} has the impossible shape {tuple(shape)}")
        name = self._builder.add_tensor(value.name, tuple(shape), dtype)
        self._inputs.append(name)
        activation = Activation(name, tuple(shape), "plain", None)
        if dtype != np.float32:
            activation = as_quantized(self._builder, activation, self._input_step(value.name))
        self._values[value.name] = activation

    def _input_step(self, name: str) -> Step:
        """Scale and zero point of an 8-bit input: those with which it is first read."""
        names = {name}
        for node in self._graph.node:
            reads = [i for i, x in enumerate(node.input) if x in names]
            if not reads:
                continue
            if node.op_type in _MOVES:
                names.update(node.output[:1])
            elif node.op_type in QOPERATORS or node.op_type == "DequantizeLinear":
                operands = tuple(self._values.get(x) for x in node.input)
                return step_of(take(operands, reads[0] + 1), take(operands, reads[0] + 2))
        raise ModelError("no layer tells the scale of this input")

    def _operand(self, name: str) -> Value | None:
        if not name:
            return None
        value = self._values.get(name)
        if value is None:
            raise ModelError(f"its input {name} is computed by no layer before it")
        return value

    def _node(self, node: Any, label: str) -> None:
        operator = node.op_type
        if not node.output or not node.output[0] or (not node.input and operator != "Constant"):
            raise ModelError(f"{operator} must have inputs and an output")
        if not self._known(operator):
            raise ModelError(f"operator {operator} is not supported")
        if any(output in self._values for output in node.output if output):
            raise ModelError(f"its output {node.output[0]} is computed twice")
        attributes = attributes_of(node)
        if operator == "Constant":
            if not isinstance(attributes.get("value"), np.ndarray):
                raise ModelError("Constant without a tensor is not supported")
            self._values[node.output[0]] = Constant(attributes["value"])
            return
        operands = tuple(self._operand(name) for name in node.input)
        output = node.output[0]
        if operator == "QuantizeLinear":
            result = self._quantize(operands, label, output)
        elif operator == "DequantizeLinear":
            result = self._dequantize(operands, attributes)
        elif operator in QOPERATORS:
            result = QOPERATORS[operator](self._builder, label, attributes, operands, output)
        elif operator in ("Relu", "Clip") and isinstance(first := take(operands, 0), Pending):
            result = self._fused(operator, attributes, operands, first)
        elif operator in _MOVES:
            result = self._move(operator, label, attributes, operands, output)
        else:
            result = Pending(operator, label, attributes, operands)
        self._values[output] = result

    def _quantize(
        self, operands: tuple[Value | None, ...], label: str, output: str
    ) -> Value:
        step = step_of(take(operands, 1), take(operands, 2))
        value, builder = take(operands, 0), self._builder
        if isinstance(value, Pending):
            return self._finish(value, step, output)
        if not isinstance(value, Activation):
            raise ModelError("QuantizeLinear of a constant is not supported")
        if value.step is not None and (
            value.step.scale == step.scale and value.step.zero_point == step.zero_point
        ):
            return value
        if value.step is None and builder.tensors[value.tensor].dtype != np.float32:
            raise ModelError("QuantizeLinear of integers is not supported")
        attributes = {"unsigned": step.unsigned}
        tensor = builder.emit("QUANTIZE", label, (value.tensor,), output, attributes, step=step)
        return replace(value, tensor=tensor, step=step)

    def _dequantize(
        self, operands: tuple[Value | None, ...], attributes: dict[str, Any]
    ) -> Value:
        value = take(operands, 0)
        zero_point = take(operands, 2)
        if isinstance(value, Constant):
            axis = attributes.get("axis", 1)
            return quantized_constant(value, take(operands, 1), zero_point, axis)
        if not isinstance(value, Activation):
            raise ModelError("DequantizeLinear of a float tensor is not supported")
        step = step_of(take(operands, 1), zero_point)
        if value.step is None:
            raise ModelError("DequantizeLinear of a float tensor is not supported")
        if value.step.scale != step.scale or value.step.zero_point != step.zero_point:
            raise ModelError("its scale and zero point differ from those of its input")
        return value

    def _fused(
        self, operator: str, attributes: dict[str, Any], operands: tuple[Value | None, ...],
        pending: Pending,
    ) -> Value:  # fmt: skip
        kind = "RELU" if operator == "Relu" else _clip(attributes, operands)
        if pending.activation != "NONE":
            raise ModelError(f"{operator} after another activation is not supported")
        return replace(pending, activation=kind)

    def _move(
        self, operator: str, label: str, attributes: dict[str, Any],
        operands: tuple[Value | None, ...], output: str,
    ) -> Value:  # fmt: skip
        value, builder = take(operands, 0), self._builder
        if isinstance(value, Pending):
            raise ModelError(f"the input of {operator} is not quantised")
        if not isinstance(value, Activation):
            raise ModelError(f"{operator} of a constant is not supported")
        if operator in ("Identity", "Dropout"):
            return value
        if operator == "MaxPool":
            return onnx_windows.max_pool(builder, label, attributes, value, output)
        if operator == "Transpose":
            return onnx_moves.transpose(builder, label, attributes, value, output)
        if operator == "Pad":
            return onnx_moves.pad(builder, label, attributes, operands, value, output)
        if operator == "Resize":
            return onnx_moves.resize(builder, label, attributes, operands, value, output)
        if operator == "ArgMax":
            return onnx_moves.arg_max(builder, label, attributes, value, output)
        return onnx_moves.reshape(
            builder, label, operator, attributes, operands, value, output
        )

    def _finish(self, pending: Pending, step: Step, output: str) -> Activation:
        """Add the node of a float operator whose result is quantised now."""
        builder, operands, name = self._builder, pending.operands, pending.name
        operator, attributes, activation = pending.operator, pending.attributes, pending.activation
        if operator == "Conv":
            return onnx_windows.convolution(
                builder, name, attributes, operands, step, output, activation
            )
        if operator in ("Gemm", "MatMul"):
            return onnx_elementwise.fully_connected(
                builder, name, operator, attributes, operands, step, output, activation
            )
        if operator in _BINARY:
            return onnx_elementwise.binary(
                builder, name, operator, operands, step, output, activation
            )
        if activation != "NONE":
            raise ModelError(f"{operator} with a fused activation is not supported")
        first = take(operands, 0)
        if operator == "AveragePool":
            return onnx_windows.average_pool(builder, name, attributes, first, step, output)
        if operator == "GlobalAveragePool":
            return onnx_windows.global_average_pool(builder, name, first, step, output)
        if operator == "ReduceMean":
            return self._reduce_mean(pending, step, output)
        if operator == "Concat":
            return onnx_elementwise.concatenation(
                builder, name, attributes, operands, step, output
            )
        if operator == "Softmax":
            axis = attributes.get("axis", -1 if self._opset >= 13 else 1)
            return onnx_elementwise.softmax(builder, name, axis, first, step, output)
        kind, extra = _UNARY[operator], {}
        if operator == "Clip":
            kind = _clip(attributes, operands)
        elif operator == "LeakyRelu":
            extra = {"alpha": attributes.get("alpha", 0.01)}
        elif operator == "Gelu":
            extra = {"approximate": attributes.get("approximate", "none") == "tanh"}
        elif operator == "Elu" and attributes.get("alpha", 1.0) != 1.0:
            raise ModelError("Elu with alpha other than 1 is not supported")
        return onnx_elementwise.unary(builder, name, kind, extra, first, step, output)

    def _reduce_mean(self, pending: Pending, step: Step, output: str) -> Activation:
        value = take(pending.operands, 0)
        if not isinstance(value, Activation):
            raise ModelError("the input of ReduceMean is not quantised")
        axes = onnx_moves.mean_axes(pending.attributes, pending.operands, len(value.shape))
        if len(value.shape) != 4 or axes != (2, 3):
            raise ModelError(f"ReduceMean over axes {axes} of {value.shape} is not supported")
        result = onnx_windows.global_average_pool(
            self._builder, pending.name, value, step, output
        )
        if pending.attributes.get("keepdims", 1):
            return result
        shape = value.shape[:2]
        return self._builder.reshaped(self._builder.plain(result), shape, f"{output}/squeezed")

    def _output(self, name: str) -> str:
        """Add what turns an activation into the model's output; return that tensor's name."""
        value, builder = self._values.get(name), self._builder
        if isinstance(value, Pending):
            raise ModelError(f"the result of {value.operator} is not quantised")
        if not isinstance(value, Activation):
            raise ModelError("no layer computes this output")
        value = builder.plain(value)
        if value.step is None:
            return value.tensor
        return self._edge(name, value)

    def _edge(self, name: str, value: Activation) -> str:
        """Convert int8 to the type that the file declares for output ``name``."""
        builder, step = self._builder, value.step
        declared = {x.name: x.type.tensor_type.elem_type for x in self._graph.output}[name]
        dtype = np.dtype(_ELEMENT_TYPES.get(declared, np.float32))
        if dtype == np.int8 or step is None:
            return value.tensor
        label = f"{name}/output" if name in builder.tensors else name
        if dtype == np.float32:
            return builder.emit("DEQUANTIZE", label, (value.tensor,), label, dtype=dtype)
        if dtype != np.uint8:
            raise ModelError(f"an output of type {dtype} is not supported")
        tensor = builder.emit("QUANTIZE", label, (value.tensor,), label, dtype=dtype)
        zero_point = np.array([step.zero_point + 128])
        quantization = Quantization(np.array([step.scale], np.float32), zero_point)
        builder.tensors[tensor] = replace(builder.tensors[tensor], quantization=quantization)
        return tensor


def _clip(attributes: dict[str, Any], operands: tuple[Value | None, ...]) -> str:
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

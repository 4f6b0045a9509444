"""ONNX models as ``onnxruntime.quantization`` writes them, into the graph form."""

from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph
from weft.importers.check import check
from weft.importers.onnx_builder import Builder
from weft.importers.onnx_floats import PENDING, clip_kind, finish
from weft.importers.onnx_functions import is_function
from weft.importers.onnx_moves import MOVES, move
from weft.importers.onnx_output import add_output
from weft.importers.onnx_qoperators import QOPERATORS, as_quantized, quantized_constant
from weft.importers.onnx_shapes import (
    SHAPE_ARITHMETIC,
    compute_shape,
    is_shape_arithmetic,
)
from weft.importers.onnx_slices import split
from weft.importers.onnx_values import (
    ELEMENT_TYPES,
    Activation,
    Constant,
    Pending,
    Step,
    Value,
    attributes_of,
    constant_of,
    step_of,
    take,
)
from weft.importers.problems import Problems

__all__ = ["import_onnx"]


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
                declared = value.type.tensor_type.elem_type
                found = self._values.get(value.name)
                outputs.append(add_output(self._builder, value.name, declared, found))
        problems.finish()
        graph = self._builder.graph(tuple(self._inputs), tuple(outputs))
        check(graph)
        return graph

    @staticmethod
    def _known(operator: str) -> bool:
        others = ("QuantizeLinear", "DequantizeLinear", "Constant", "Split", *SHAPE_ARITHMETIC)
        return operator in (*PENDING, *MOVES, *others, *QOPERATORS)

    def _input(self, value: Any) -> None:
        kind = value.type.tensor_type
        dtype = ELEMENT_TYPES.get(kind.elem_type)
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
            if node.op_type in MOVES:
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
        if is_shape_arithmetic(operator, operands):
            result = compute_shape(operator, attributes, operands)
        elif operator == "Split":
            self._split(node, label, attributes, operands)
            return
        elif operator == "QuantizeLinear":
            result = self._quantize(operands, label, output)
        elif operator == "DequantizeLinear":
            result = self._dequantize(operands, attributes)
        elif operator in QOPERATORS:
            result = QOPERATORS[operator](self._builder, label, attributes, operands, output)
        elif (
            operator in ("Relu", "Clip") and isinstance(first := take(operands, 0), Pending)
            and not is_function(first)
        ):  # fmt: skip
            result = self._fused(operator, attributes, operands, first)
        elif operator in MOVES:
            result = move(self._builder, operator, label, attributes, operands, output)
        elif operator in PENDING:
            result = Pending(operator, label, attributes, operands)
        else:
            raise ModelError(f"operator {operator} is not supported")
        self._values[output] = result

    def _split(
        self, node: Any, label: str, attributes: dict[str, Any],
        operands: tuple[Value | None, ...],
    ) -> None:  # fmt: skip
        value = take(operands, 0)
        if not isinstance(value, Activation) or not all(node.output):
            raise ModelError("the input of Split is not quantised, or an output is missing")
        parts = split(self._builder, label, attributes, operands, value, tuple(node.output))
        self._values.update(zip(node.output, parts, strict=True))

    def _quantize(
        self, operands: tuple[Value | None, ...], label: str, output: str
    ) -> Value:
        step = step_of(take(operands, 1), take(operands, 2))
        value, builder = take(operands, 0), self._builder
        if isinstance(value, Pending):
            return finish(builder, value, step, output, self._opset)
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
        kind = "RELU" if operator == "Relu" else clip_kind(attributes, operands)
        if pending.activation != "NONE":
            raise ModelError(f"{operator} after another activation is not supported")
        return replace(pending, activation=kind)

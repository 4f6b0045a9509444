"""ONNX models as ``onnxruntime.quantization`` writes them, into the graph form."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.floats import PENDING, clip_kind, finish
from weft.importers.onnx.inputs import add_input, live_nodes, operand_stand_in, stand_in
from weft.importers.onnx.moves import MOVES, move
from weft.importers.onnx.output import add_output
from weft.importers.onnx.pad import is_real_pad
from weft.importers.onnx.qoperators import QOPERATORS, quantized_constant
from weft.importers.onnx.shapes import SHAPE_ARITHMETIC, compute_shape, is_shape_arithmetic
from weft.importers.onnx.slices import split
from weft.importers.onnx.tables import is_function, operators_of
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    Value,
    attributes_of,
    constant_of,
    step_of,
    take,
)
from weft.importers.rules.check import check
from weft.importers.rules.problems import Problems

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
    """Walks the nodes once, in the order in which the file must have them.

    Where a node fails, what it computes is unknown. Nothing is said of nodes that read it, but
    all others are examined; those too that read it in QOperator form, or lie behind the next
    QuantizeLinear, if the file tells its shape.
    """

    def __init__(self, model: Any, name: str, rounding: str):
        self._graph, self._name = model.graph, name
        self._opset = max(
            (o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1
        )
        self._builder = Builder(name, rounding)
        self._values: dict[str, Value] = {}
        self._unknown: set[str] = set()
        self._quantized: set[str] = set()  # float operators whose result is
        self._problems = Problems(name)

    def run(self) -> Graph:
        for initializer in self._graph.initializer:
            with self._layer(initializer.name, initializer.name):
                self._values[initializer.name] = constant_of(initializer)
        inputs = []
        for value in self._graph.input:
            if value.name not in self._values:
                with self._layer(value.name, value.name):
                    added = add_input(self._builder, self._graph, value, self._values)
                    self._values[value.name] = added
                    inputs.append(value.name)
        stand_ins = []
        for index, node in live_nodes(self._graph):
            for name in dict.fromkeys(x for x in node.input if x in self._unknown):
                value = operand_stand_in(self._builder, self._graph, node, name, self._values)
                if value is not None:
                    self._know(name, value, stand_ins)
            label = self._label(node, index)
            if not self._known(node.op_type) or not self._unknown & {*node.input}:
                with self._layer(label, *node.output):
                    self._node(node, label)
                    continue
            self._unknown.update(node.output)
            if (value := stand_in(self._builder, self._graph, node, self._values)) is not None:
                self._know(node.output[0], value, stand_ins)
        self._require_quantized()
        outputs = []
        for value in self._graph.output:
            if value.name not in self._unknown:
                with self._layer(value.name):
                    declared = value.type.tensor_type.elem_type
                    found = self._values.get(value.name)
                    outputs.append(add_output(self._builder, value.name, declared, found))
        graph = self._builder.graph(tuple(inputs), tuple(outputs))
        check(graph, self._problems, elsewhere=stand_ins)
        return graph

    def _know(self, name: str, value: Activation, stand_ins: list[str]) -> None:
        self._values[name] = value
        self._unknown.remove(name)
        stand_ins.append(value.tensor)

    @contextmanager
    def _layer(self, label: str, *outputs: str) -> Iterator[None]:
        """Put a :class:`ModelError` into the list; ``outputs`` are unknown from there on."""
        with self._problems.layer(label):
            try:
                yield
            except ModelError:
                self._unknown.update(outputs)
                raise

    def _label(self, node: Any, index: int) -> str:
        """Return a node's name; where a float operator's result is quantised, that one's."""
        value = self._values.get(node.input[0]) if node.input else None
        if node.op_type == "QuantizeLinear" and isinstance(value, Pending):
            return value.name
        return node.name or f"{node.op_type} {index}"

    def _require_quantized(self) -> None:
        """Name the float operators whose result is never quantised."""
        bare = {
            name: value for name, value in self._values.items()
            if isinstance(value, Pending) and value.name not in self._quantized
        }  # fmt: skip
        for value in {value.name: value for value in bare.values()}.values():
            with self._layer(value.name):
                raise ModelError(f"the result of {value.operator} is not quantised")
        self._unknown.update(bare)

    @staticmethod
    def _known(operator: str) -> bool:
        others = ("QuantizeLinear", "DequantizeLinear", "Constant", "Split", *SHAPE_ARITHMETIC)
        return operator in (*PENDING, *MOVES, *others, *QOPERATORS)

    def _operand(self, name: str) -> Value | None:
        if not name:
            return None
        value = self._values.get(name)
        if value is None:
            raise ModelError(f"its input {name} is computed by no layer before it")
        return value

    def _node(self, node: Any, label: str) -> None:
        operator = node.op_type
        if not self._known(operator):
            raise ModelError(f"operator {operator} is not supported")
        if not node.output or not node.output[0] or (not node.input and operator != "Constant"):
            raise ModelError(f"{operator} must have inputs and an output")
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
        elif operator in MOVES and not (operator == "Pad" and is_real_pad(attributes, operands)):
            result = move(self._builder, operator, label, attributes, operands, output)
        else:
            result = Pending(operator, label, attributes, operands)
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
        value = take(operands, 0)
        if isinstance(value, Pending):
            self._quantized.update(operators_of(value))
            return finish(self._builder, value, step, output, self._opset)
        if not isinstance(value, Activation):
            raise ModelError("QuantizeLinear of a constant is not supported")
        return self._builder.quantized(value, step, label, output)

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

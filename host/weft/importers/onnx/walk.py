"""ONNX models as ``onnxruntime.quantization`` writes them, into the graph form."""

from collections.abc import Container, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph, Runtime
from weft.importers.onnx.attributes import is_declared, opsets_of, read_attributes
from weft.importers.onnx.bias import has_matrix, with_whole_bias
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.folding import Folder
from weft.importers.onnx.fusion import is_barrier
from weft.importers.onnx.inputs import add_input, operand_stand_in, stand_in
from weft.importers.onnx.islands import bare_layers
from weft.importers.onnx.messages import constant_of
from weft.importers.onnx.moves import MOVES
from weft.importers.onnx.node import result_of, split_of
from weft.importers.onnx.output import add_output
from weft.importers.onnx.pad import kind_of_pad
from weft.importers.onnx.prepare import known_shapes, ordered_nodes, require_shapes
from weft.importers.onnx.readers import Readers
from weft.importers.onnx.values import Activation, Constant, Pending, Value, take
from weft.importers.rules.check import check
from weft.importers.rules.problems import Problems

__all__ = ["Importer"]

Shape = tuple[int, ...]


class Importer:
    """Walks the nodes once, each after those that it reads from.

    Where a node fails, what it computes is unknown. Nothing is said of nodes that read it, but
    all others are examined; those too that read it in QOperator form, or lie behind the next
    QuantizeLinear, if the file tells its shape.

    ``open_names`` are the tensors of which the file itself leaves a dimension open, ``unread`` the
    outputs of nodes that ONNX Runtime takes out.
    """

    def __init__(
        self,
        model: Any,
        name: str,
        runtime: Runtime,
        open_names: frozenset[str],
        unread: frozenset[str],
    ):
        self._model, self._graph = model, model.graph
        self._opsets = opsets_of(model)
        self._open = open_names
        self._nodes = ordered_nodes(model.graph)
        outputs = [value.name for value in model.graph.output]
        self._readers = Readers(model.graph.node, outputs, unread)
        self._read = {name for _, node in self._nodes for name in node.input}.union(outputs)
        require_shapes(model.graph, self._nodes)
        self._folder = Folder(self._opsets)
        self._builder = Builder(name, runtime)
        self._values: dict[str, Value] = {}
        self._real: set[str] = set()  # names of quantised tensors that were dequantised
        self._unknown: set[str] = set()
        self._shapes: dict[str, Shape] | None = None  # as far as they were asked for
        self._problems = Problems(name)

    def run(self) -> Graph:
        """Return the graph; a ModelError names every layer that is not supported."""
        for sparse in self._graph.sparse_initializer:
            with self._layer(sparse.values.name, sparse.values.name):
                raise ModelError("a sparse initialiser is not supported")
        for initializer in self._graph.initializer:
            with self._layer(initializer.name, initializer.name):
                self._values[initializer.name] = constant_of(initializer)
        inputs = []
        for value in self._graph.input:
            if value.name in self._read and value.name not in self._values:
                with self._layer(value.name, value.name):
                    added = add_input(self._builder, self._graph, value, self._values)
                    self._values[value.name] = added
                    inputs.append(value.name)
        stand_ins = []
        for index, node in self._nodes:
            unknown = [x for x in node.input if x in self._unknown] if self._unknown else []
            for name in dict.fromkeys(unknown):
                value = operand_stand_in(self._builder, self._graph, node, name, self._values)
                if value is not None:
                    self._know(name, value, stand_ins)
            label = self._label(node, index)
            if not self._unknown or not is_declared(node) or not self._unknown & {*node.input}:
                with self._layer(label, *node.output):
                    self._node(node, label)
                    continue
            self._unknown.update(node.output)
            if (value := stand_in(self._builder, self._graph, node, self._values)) is not None:
                self._know(node.output[0], value, stand_ins)
        outputs = self._outputs(inputs)
        self._require_quantized()
        graph = self._builder.graph(tuple(inputs), tuple(outputs))
        return check(graph, self._problems, elsewhere=stand_ins)

    def _outputs(self, inputs: Container[str]) -> list[str]:
        outputs = []
        for value in self._graph.output:
            if value.name in inputs:
                outputs.append(value.name)
            elif value.name not in self._unknown:
                with self._layer(value.name):
                    declared = value.type.tensor_type.elem_type
                    found, dequantized = self._values.get(value.name), value.name in self._real
                    if isinstance(found, Pending):
                        found = real(self._builder, found, f"{value.name}/real")
                    outputs.append(
                        add_output(self._builder, value.name, declared, found, dequantized)
                    )
        return outputs

    def _require_quantized(self) -> None:
        """Refuse a network in which nothing is quantised, or no layer with weights."""
        for pending in bare_layers(self._builder):
            with self._layer(pending.name):
                raise ModelError(f"the result of {pending.operator} is not quantised")

    def _know(self, name: str, value: Activation, stand_ins: list[str]) -> None:
        self._values[name] = value
        self._unknown.remove(name)
        stand_ins.append(value.tensor)

    def _layer(self, label: str, *outputs: str) -> AbstractContextManager[None, bool]:
        """Put a :class:`ModelError` into the list; ``outputs`` are unknown from there on."""
        return self._problems.layer(label, *outputs, unknown=self._unknown)

    def _label(self, node: Any, index: int) -> str:
        """Return a node's name; where a float operator's result is quantised, that one's."""
        value = self._values.get(node.input[0]) if node.input else None
        if node.op_type == "QuantizeLinear" and isinstance(value, Pending):
            return value.name
        return node.name or f"{node.op_type} {index}"

    def _operand(self, name: str) -> Value | None:
        if not name:
            return None
        value = self._values.get(name)
        if value is None:
            raise ModelError(f"its input {name} is computed by no layer before it")
        return value

    def _node(self, node: Any, label: str) -> None:
        operator = node.op_type
        attributes = read_attributes(node, self._opsets)
        inputs, outputs = list(node.input), list(node.output)
        if not outputs or not outputs[0] or (not inputs and operator != "Constant"):
            raise ModelError(f"{operator} must have inputs and an output")
        outputs = [name for name in outputs if name]
        if any(output in self._values for output in outputs):
            raise ModelError(f"its output {outputs[0]} is computed twice")
        operands = tuple([self._operand(name) for name in inputs])
        if operator in ("Shape", "Size") and isinstance(operands[0], Pending):
            operands = (self._shaped(inputs[0]) or operands[0],)
        results: Sequence[Value]
        if self._folder.takes(node, operands):
            results = self._folder.fold(node, operands)
        elif operator == "Split":
            results = split_of(self._builder, node, label, attributes, operands)
        else:
            results = [result_of(self._builder, node, label, attributes, operands, self._real)]
        for name in outputs[len(results) :]:
            if name in self._read:
                raise ModelError(f"its output {name} is not supported, only the first one")
        for name, result in zip(outputs, results, strict=False):
            if isinstance(result, Pending):
                result = self._marked(node, result)
                if operator in ("Gemm", "Add") and has_matrix(result):
                    result = self._with_bias(result, name)
                if self._readers.count(name) > 1:
                    result = replace(result, shared=True)
            if isinstance(result, Activation):
                result = replace(result, moved_by=self._mover(node, attributes, operands))
            self._values[name] = result
        if operator == "DequantizeLinear" or (
            operator != "QuantizeLinear" and inputs and inputs[0] in self._real
        ):
            self._real.update(outputs)

    def _shaped(self, name: str) -> Constant | None:
        """Return an array with the shape of tensor ``name``, if ``onnx`` can tell it."""
        if self._shapes is None:
            self._shapes = known_shapes(self._model)
        shape = self._shapes.get(name)
        return None if shape is None else Constant(np.broadcast_to(np.float32(0), shape))

    def _marked(self, node: Any, result: Pending) -> Pending:
        """Return a MatMul with a mark if ONNX Runtime does not know every dimension it has."""
        if node.op_type != "MatMul" or len(_shape(take(result.operands, 0))) < 3:
            return result
        if self._open.isdisjoint(node.input):
            return result
        return replace(result, attributes=Attributes({**result.attributes, "open": True}))

    def _with_bias(self, gemm: Pending, name: str) -> Pending:
        """Return ``gemm`` with the bias that is added where its result ``name`` stays float."""
        [image, *_] = gemm.operands
        reshaped = isinstance(image, Activation) and len(image.shape) != 2
        floats = self._readers.are_floats(name, reshaped=reshaped)
        return with_whole_bias(gemm) if floats else gemm

    def _mover(self, node: Any, attributes: Attributes, operands: tuple[Value | None, ...]) -> str:
        """Return what stands between DequantizeLinear and the result of ``node``, if anything."""
        first = take(operands, 0)
        barrier = is_barrier(node.op_type, attributes.version)
        if barrier and node.input[0] in self._real:
            if node.op_type == "Pad" and isinstance(first, Activation):
                return kind_of_pad(attributes, operands, len(first.shape))
            return node.op_type
        if isinstance(first, Activation) and node.op_type in MOVES:
            return first.moved_by
        return ""


def _shape(value: Value | None) -> Shape:
    return value.shape if isinstance(value, Activation) else ()

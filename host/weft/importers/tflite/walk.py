"""Quantised ``.tflite`` models into the graph form."""

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph, Node, Runtime, State, Tensor
from weft.importers.rules.check import check
from weft.importers.rules.problems import Problems
from weft.importers.tflite.flatbuffer import Operator, Subgraph, read_model, well_formed
from weft.importers.tflite.floats import FLOATS, computes_floats
from weft.importers.tflite.integers import INTEGERS, computes_integers
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.signed import with_signed_tensors
from weft.importers.tflite.state import Memory
from weft.importers.tflite.tensors import RawTensor
from weft.importers.tflite.translations import TRANSLATIONS

__all__ = ["import_tflite"]

# Converters spell out shapes that are known here; nothing but shapes comes out of these.
_SHAPE_ARITHMETIC = ("SHAPE", "STRIDED_SLICE", "PACK")


def import_tflite(data: bytes, name: str, rounding: str) -> Graph:
    """Return the graph of the ``.tflite`` model in ``data``.

    Raises
    ------
    ModelError
        If the file is malformed, or holds operators, types or shapes that are not supported; all
        of them are named.
    """
    runtime = Runtime.named(rounding)
    subgraph, *others = read_model(data)
    subgraph, unsigned, before, after, edges = with_signed_tensors(subgraph)
    memory = Memory([subgraph, *(with_signed_tensors(other)[0] for other in others)])
    problems = Problems(name)
    nodes: list[Node] = list(before)
    names: set[str] = set()
    elsewhere: set[str] = set()  # what layers compute that could not be translated
    failed: set[str] = set()  # tensors that could not be read
    made: dict[str, Tensor] = {}
    states: tuple[State, ...] = ()
    shapes: set[int] = set()  # tensors that are computed of shapes
    for index, operator in enumerate(subgraph.operators):
        label = _label(subgraph, operator, index, names)
        if _is_shape_arithmetic(subgraph, operator, shapes):
            shapes.update(operator.outputs)
            continue
        layer = Layer(label, operator, subgraph.tensors, unsigned, runtime)
        outputs = {subgraph.tensors[i].name for i in operator.outputs if i >= 0}
        elsewhere |= outputs
        # Options are read from the file only now.
        with problems.layer(label), well_formed():
            layer.require_known_weights()
            _translate(layer, memory)
            nodes += layer.nodes
            made |= layer.tensors
            elsewhere -= outputs
    nodes += after
    used = {t for node in nodes for t in (*node.inputs, *node.outputs) if t is not None}
    inputs, outputs = edges
    with problems.layer(name):
        states = memory.states
    used.update(inputs, outputs, *((state.name, state.next) for state in states))
    tensors = {}
    for raw in subgraph.tensors:
        if raw.name in used:
            failed.add(raw.name)
            with problems.layer(raw.name):
                tensors[raw.name] = _tensor(raw)
                failed.discard(raw.name)
    graph = Graph(name, tuple(nodes), tensors | made, inputs, outputs, runtime, states)
    graph = check(graph, problems, elsewhere=elsewhere, failed=failed)
    _require_quantized(graph)
    return graph


def _label(model: Subgraph, operator: Operator, index: int, names: set[str]) -> str:
    """Return a unique short name of a layer, after its output tensor."""
    output = operator.outputs[0] if operator.outputs else -1
    label = model.tensors[output].name.split(";")[0] if output >= 0 else ""
    label = label or f"{operator.name} {index}"
    if label in names:
        label = f"{label}#{index}"
    names.add(label)
    return label


def _require_quantized(graph: Graph) -> None:
    """Refuse a network in which everything that is computed is float32."""
    kinds = {tensor.dtype for tensor in graph.tensors.values() if tensor.data is None}
    if kinds <= {np.dtype(np.float32), np.dtype(np.bool_)}:
        rule = "nothing in it is quantised; quantise the model to int8 first"
        raise ModelError(f"cannot import {graph.name}: {rule}")


def _is_shape_arithmetic(model: Subgraph, operator: Operator, shapes: set[int]) -> bool:
    if operator.name not in _SHAPE_ARITHMETIC or operator.name == "SHAPE":
        return operator.name == "SHAPE"
    computed = [i for i in operator.inputs if i >= 0 and model.tensors[i].data is None]
    return bool(computed) and shapes.issuperset(computed)


def _translate(layer: Layer, memory: Memory) -> None:
    if (take := memory.takes(layer.kind)) is not None:
        take(layer)
        layer.finish()
        return
    table = FLOATS if computes_floats(layer) else TRANSLATIONS
    table = INTEGERS if computes_integers(layer) else table
    translation = table.get(layer.kind)
    if translation is None:
        raise ModelError(f"operator {layer.kind} is not supported")
    if not layer.operator.inputs:
        raise ModelError(f"{layer.kind} must have inputs and one output")
    if layer.operator.inputs[0] < 0 and layer.kind != "TRANSPOSE_CONV":
        raise ModelError(f"the input of {layer.kind} is missing")
    translation(layer)
    layer.finish()


def _tensor(raw: RawTensor) -> Tensor:
    if raw.dtype is None:
        raise ModelError(f"tensors of type {raw.type_name} are not supported")
    return Tensor(raw.name, raw.shape, raw.dtype, raw.quantization, raw.data)

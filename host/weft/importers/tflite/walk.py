"""Quantised ``.tflite`` models into the graph form."""

from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Graph, Node, Tensor
from weft.importers.rules.check import check
from weft.importers.rules.problems import Problems
from weft.importers.tflite.flatbuffer import Model, Operator, RawTensor, read_model, well_formed
from weft.importers.tflite.options import TRANSLATIONS

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
    model = read_model(data)
    problems = Problems(name)
    nodes: list[Node] = []
    names: set[str] = set()
    elsewhere: set[str] = set()  # what layers compute that could not be translated
    failed: set[str] = set()  # tensors that could not be read
    for index, operator in enumerate(model.operators):
        label = _label(model, operator, index, names)
        if _is_shape_arithmetic(model, operator):
            continue
        # Options are read from the file only now.
        with problems.layer(label), well_formed():
            outputs = {model.tensors[i].name for i in operator.outputs if i >= 0}
            elsewhere |= outputs
            nodes.append(_node(model, operator, label))
            elsewhere -= outputs
    used = {t for node in nodes for t in (*node.inputs, *node.outputs) if t is not None}
    inputs = tuple(model.tensors[i].name for i in model.inputs if i >= 0)
    outputs = tuple(model.tensors[i].name for i in model.outputs if i >= 0)
    used.update(inputs, outputs)
    tensors = {}
    for raw in model.tensors:
        if raw.name in used:
            failed.add(raw.name)
            with problems.layer(raw.name):
                tensors[raw.name] = _tensor(raw)
                failed.discard(raw.name)
    graph = Graph(name, tuple(nodes), tensors, inputs, outputs, rounding)
    check(graph, problems, elsewhere=elsewhere, failed=failed)
    return graph


def _label(model: Model, operator: Operator, index: int, names: set[str]) -> str:
    """Return a unique short name of a layer, after its output tensor."""
    output = operator.outputs[0] if operator.outputs else -1
    label = model.tensors[output].name.split(";")[0] if output >= 0 else ""
    label = label or f"{operator.name} {index}"
    if label in names:
        label = f"{label}#{index}"
    names.add(label)
    return label


def _is_shape_arithmetic(model: Model, operator: Operator) -> bool:
    return operator.name in _SHAPE_ARITHMETIC and all(
        i < 0 or model.tensors[i].dtype == np.int32 for i in operator.outputs
    )


def _node(model: Model, operator: Operator, label: str) -> Node:
    translation = TRANSLATIONS.get(operator.name)
    if translation is None:
        raise ModelError(f"operator {operator.name} is not supported")
    if not operator.inputs or len(operator.outputs) != 1 or operator.outputs[0] < 0:
        raise ModelError(f"{operator.name} must have inputs and one output")
    if operator.inputs[0] < 0 and operator.name != "TRANSPOSE_CONV":
        raise ModelError(f"the input of {operator.name} is missing")
    attributes: dict[str, Any] = translation.attributes(None, operator, model.tensors)
    positions = operator.inputs[: translation.inputs]
    if operator.name == "TRANSPOSE_CONV":
        # The file's order is output shape, weights, input, bias.
        positions = (*positions[2:3], *positions[1:2], *positions[3:4])
    inputs = tuple(None if i < 0 else model.tensors[i].name for i in positions)
    outputs = tuple(model.tensors[i].name for i in operator.outputs)
    return Node(translation.operator, label, inputs, outputs, attributes)


def _tensor(raw: RawTensor) -> Tensor:
    if raw.dtype is None:
        raise ModelError(f"tensor type {raw.type_code} is not supported")
    return Tensor(raw.name, raw.shape, raw.dtype, raw.quantization, raw.data)

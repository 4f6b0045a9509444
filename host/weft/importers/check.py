"""Holds an imported graph to the rules of the graph form, so that nothing fails later."""

import math

import numpy as np

from weft.errors import ModelError
from weft.graph import OPERATORS, Graph, Node, Tensor
from weft.importers.problems import Problems
from weft.importers.shapes import output_shape
from weft.importers.types import check_types

__all__ = ["check"]

_MAX_ELEMENTS = 1 << 28


def check(graph: Graph) -> None:
    """Check order, types, quantisation and shapes of every node.

    Raises
    ------
    ModelError
        Naming every layer that breaks a rule.
    """
    problems = Problems(graph.name)
    if not graph.nodes or not graph.inputs or not graph.outputs:
        raise ModelError(f"cannot import {graph.name}: it has no layers, inputs or outputs")
    known = set(graph.inputs)
    for tensor in graph.tensors.values():
        with problems.layer(tensor.name):
            _check_tensor(tensor)
        if tensor.data is not None:
            known.add(tensor.name)
    problems.finish()
    for name in graph.inputs:
        with problems.layer(name):
            if graph.tensors[name].data is not None:
                raise ModelError("an input cannot be a constant")
            if not graph.tensors[name].shape or 0 in graph.tensors[name].shape:
                raise ModelError(f"an input cannot have shape {graph.tensors[name].shape}")
    for node in graph.nodes:
        with problems.layer(node.name):
            _check_node(graph, node, known)
        known.update(node.outputs)
    for name in graph.outputs:
        with problems.layer(name):
            if name not in known:
                raise ModelError("no layer computes this output")
    problems.finish()


def _check_tensor(tensor: Tensor) -> None:
    if any(size < 0 for size in tensor.shape) or math.prod(tensor.shape) > _MAX_ELEMENTS:
        raise ModelError(f"shape {tensor.shape} is negative or too large")
    quantization = tensor.quantization
    if quantization is None:
        return
    if not np.all(np.isfinite(quantization.scale) & (quantization.scale > 0)):
        raise ModelError("every scale must be a positive number")
    if tensor.dtype in (np.dtype(np.int8), np.dtype(np.uint8)):
        limits = np.iinfo(tensor.dtype)
        zero_point = quantization.zero_point
        if not np.all((limits.min <= zero_point) & (zero_point <= limits.max)):
            raise ModelError(f"a zero point is outside {limits.min} to {limits.max}")


def _check_node(graph: Graph, node: Node, known: set[str]) -> None:
    if node.operator not in OPERATORS:
        raise ModelError(f"operator {node.operator} is not supported")
    for name in node.inputs:
        if name is not None and name not in known:
            raise ModelError(f"its input {name} is computed by no layer before it")
    for name in node.outputs:
        if name in known:
            raise ModelError(f"its output {name} is computed twice")
    check_types(graph, node)
    expected = output_shape(graph, node)
    actual = graph.tensors[node.outputs[0]].shape
    if actual != expected:
        raise ModelError(f"the file gives its output shape {actual}, but it must be {expected}")

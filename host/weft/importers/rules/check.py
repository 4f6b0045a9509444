"""Holds an imported graph to the rules of the graph form, so that nothing fails later."""

import math
from collections import Counter
from collections.abc import Iterable

import numpy as np

from weft.errors import ModelError
from weft.graph import OPERATORS, Graph, Node, State, Tensor, computes_floats, types
from weft.graph.images import counts_images, with_images
from weft.importers.rules.form import check_form
from weft.importers.rules.problems import Problems

__all__ = ["check", "check_rules"]

_MAX_ELEMENTS = 1 << 28
_LIMITS = {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255)}  # of zero points


def check(
    graph: Graph,
    problems: Problems | None = None,
    *,
    elsewhere: Iterable[str] = (),
    failed: Iterable[str] = (),
) -> Graph:
    """Check order, types, quantisation and shapes of every node.

    Returns the graph with an image dimension in front of every tensor.

    Parameters
    ----------
    graph : Graph
        Perhaps only what an importer could translate.
    problems : Problems, optional
        What the importer found already.
    elsewhere : names of tensors that layers compute which could not be translated
    failed : names of tensors that could not be read

    Raises
    ------
    ModelError
        Naming every layer that breaks a rule.
    """
    problems = problems or Problems(graph.name)
    whole = not problems.found and not failed and not elsewhere
    if whole and _is_readable(graph):
        graph = with_images(graph)
    _check(graph, problems, set(elsewhere), set(failed))
    return graph


def check_rules(graph: Graph) -> Graph:
    """Return ``graph``, whose tensors have an image dimension, as a program's have.

    Raises
    ------
    ModelError
        Naming every layer that breaks a rule.
    """
    problems = Problems(graph.name, "cannot use")
    if not _is_readable(graph):
        raise ModelError("its graph names operators or tensors that it does not have")
    declared, edges = graph.declared or {}, {*graph.inputs, *graph.outputs}
    for name, shape in declared.items():
        with problems.layer(name):
            if name not in edges or math.prod(shape) != math.prod(graph.tensors[name].shape):
                raise ModelError(f"it cannot have shape {shape} in the model's file")
    for name, times in Counter(graph.sources).items():
        with problems.layer(name):
            if times > 1:
                raise ModelError("an input, or a state, must have a name of its own")
            if graph.tensors[name].data is not None:
                raise ModelError("an input, or a state, cannot be a constant")
    _check(graph, problems, set(), set())
    if not counts_images(graph):
        raise ModelError(f"cannot use {graph.name}: its first dimension does not count images")
    return graph


def _check(graph: Graph, problems: Problems, elsewhere: set[str], failed: set[str]) -> None:
    if not problems.found and not (graph.nodes and graph.inputs and graph.outputs):
        raise problems.error("it has no layers, inputs or outputs")
    known = {*graph.sources, *elsewhere}
    for tensor in graph.tensors.values():
        failed.add(tensor.name)
        with problems.layer(tensor.name):
            _check_tensor(tensor)
            failed.discard(tensor.name)
        if tensor.data is not None:
            known.add(tensor.name)
    for name in graph.inputs:
        with problems.layer(name):
            if name not in failed and graph.tensors[name].data is not None:
                raise ModelError("an input cannot be a constant")
            if name not in failed and 0 in graph.tensors[name].shape:
                raise ModelError(f"an input cannot have shape {graph.tensors[name].shape}")
    for node in graph.nodes:
        # What is wrong with a tensor was said; nothing can be said of layers that touch it.
        if not failed & {*node.inputs, *node.outputs}:
            with problems.layer(node.name):
                _check_node(graph, node, known)
        known.update(node.outputs)
    for name in graph.outputs:
        with problems.layer(name):
            if name not in known:
                raise ModelError("no layer computes this output")
    for state in graph.states:
        with problems.layer(state.name):
            _check_state(graph, state, known)
    problems.finish()


def _is_readable(graph: Graph) -> bool:
    """Whether every tensor that a node names is there, so that dimension 0 can be looked at."""
    named = {name for node in graph.nodes for name in (*node.inputs, *node.outputs)}
    known = all(node.operator in OPERATORS for node in graph.nodes)
    edges = {*graph.sources, *graph.results}
    return known and (named - {None}) | edges <= {*graph.tensors}


def _check_tensor(tensor: Tensor) -> None:
    if any(size < 0 for size in tensor.shape) or math.prod(tensor.shape) > _MAX_ELEMENTS:
        raise ModelError(f"shape {tensor.shape} is negative or too large")
    quantization = tensor.quantization
    if quantization is None:
        return
    scale = quantization.scale
    if not (np.isfinite(scale) & (scale > 0)).all():
        raise ModelError("every scale must be a positive number")
    if tensor.dtype in _LIMITS:
        (low, high), zero_point = _LIMITS[tensor.dtype], quantization.zero_point
        if not ((low <= zero_point) & (zero_point <= high)).all():
            raise ModelError(f"a zero point is outside {low} to {high}")


def _check_state(graph: Graph, state: State, known: set[str]) -> None:
    tensor = graph.tensors[state.name]
    for other in (state.initial, graph.tensors[state.next]):
        if other.shape != tensor.shape or other.dtype != tensor.dtype:
            raise ModelError(
                f"the state is {tensor.dtype} of shape {tensor.shape} and cannot become "
                f"{other.dtype} of shape {other.shape}"
            )
    if state.next not in known:
        raise ModelError("no layer computes the state for the next call")


def _check_node(graph: Graph, node: Node, known: set[str]) -> None:
    if node.operator not in OPERATORS:
        raise ModelError(f"operator {node.operator} is not supported")
    for name in node.inputs:
        if name is not None and name not in known:
            raise ModelError(f"its input {name} is computed by no layer before it")
    for name in node.outputs:
        if name in known:
            raise ModelError(f"its output {name} is computed twice")
    check_form(graph, node)
    operator = OPERATORS[node.operator]
    rule = types.real if graph.computes_reals(node) else operator.types
    (types.floats if computes_floats(graph, node) else rule)(graph, node, operator)
    expected = operator.shape(graph, node)
    actual = graph.tensors[node.outputs[0]].shape
    if actual != expected:
        raise ModelError(f"the file gives its output shape {actual}, but it must be {expected}")

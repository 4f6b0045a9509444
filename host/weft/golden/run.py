"""Runs a graph node by node on the golden model: what every device must reproduce bit for bit."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden.arithmetic.products import one_thread
from weft.golden.operators import activation, linear, stage
from weft.golden.operators.context import Context
from weft.golden.operators.evaluators import EVALUATORS
from weft.graph import Graph, Node, computes_floats

__all__ = [
    "accumulate",
    "initial_states",
    "next_states",
    "output_stage",
    "outputs",
    "run",
    "run_node",
    "table",
]


def run(
    graph: Graph,
    inputs: Mapping[str, NDArray[Any]],
    states: Mapping[str, NDArray[Any]] | None = None,
) -> dict[str, NDArray[Any]]:
    """Return every tensor of ``graph`` by name: inputs, intermediate ones and outputs.

    Parameters
    ----------
    graph : Graph
    inputs : mapping
        An array for each of ``graph.inputs``, of the declared dtype and shape. The first
        dimension, where it counts images, may be another batch than the declared one; every result
        then has it too. Outputs have the declared shape.
    states : mapping, optional
        What :func:`next_states` gave after the call before; without it, the first call.

    Raises
    ------
    ModelError
        If an input is missing or has the wrong dtype or shape, or a node cannot be computed.
    """
    values: dict[str, NDArray[Any]] = {}
    for name in graph.inputs:
        if name not in inputs:
            raise ModelError(f"input {name} is missing")
        tensor, array = graph.tensors[name], np.asarray(inputs[name])
        if array.dtype != tensor.dtype:
            raise ModelError(f"input {name} must be {tensor.dtype}, not {array.dtype}")
        shape = graph.shape(name)
        images = int(graph.declared is None)  # dimensions that may differ
        if array.ndim != len(shape) or array.shape[images:] != shape[images:]:
            raise ModelError(f"input {name} must have shape {shape}, not {array.shape}")
        values[name] = array
    values = graph.enter(values)
    values |= initial_states(graph) if states is None else states
    with one_thread():
        for node in graph.nodes:
            values.update(zip(node.outputs, run_node(graph, node, values), strict=True))
    return values | outputs(graph, values)


def outputs(graph: Graph, values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the graph's outputs in the file's shapes; one that is constant is as it is."""
    constants = {name: graph.tensors[name].data for name in graph.outputs}
    return {
        name: graph.leave(name, values[name]) if data is None else data
        for name, data in constants.items()
    }


def initial_states(graph: Graph) -> dict[str, NDArray[Any]]:
    """Return the values of the graph's states before its first call."""
    return {state.name: state.initial for state in graph.states}


def next_states(
    graph: Graph, values: Mapping[str, NDArray[Any]], names: Container[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Return states for the call after the one that gave ``values``: all, or those of ``names``."""
    found = {}
    for state in graph.states:
        if names is None or state.name in names:
            data = graph.tensors[state.next].data
            value = values[state.next] if data is None else data
            found[state.name] = value.reshape(state.initial.shape)
    return found


def run_node(
    graph: Graph, node: Node, values: Mapping[str, NDArray[Any]]
) -> tuple[NDArray[Any], ...]:
    """Return the outputs of one node; ``values`` holds its non-constant inputs by name."""
    evaluator = EVALUATORS[node.operator]
    function = evaluator.reals if graph.computes_reals(node) else evaluator.integers
    if computes_floats(graph, node):
        function = evaluator.floats
    if function is None:
        raise ModelError(f"{node.name}: operator {node.operator} is not supported")
    result = function(Context(graph, node, values))
    return result if isinstance(result, tuple) else (result,)


def accumulate(graph: Graph, node: Node, values: Mapping[str, NDArray[Any]]) -> NDArray[np.int32]:
    """Return the accumulators, bias included, of a convolution or fully connected ``node``.

    They have the output's shape, and ``output_stage(graph, node)`` turns them into its values.
    """
    return linear.accumulate(Context(graph, node, values))


def output_stage(graph: Graph, node: Node) -> stage.OutputStage:
    """Return rule, scale, zero point and clamp with which ``node`` makes int8 of accumulators.

    See :class:`weft.golden.arithmetic.OutputStage`: ``rule``, ``scale`` (float64, (1,) or
    (channels,)), ``zero_point``, ``low``, ``high``; calling it on accumulators gives int8.
    """
    return stage.output_stage(Context(graph, node, {}))


def table(graph: Graph, node: Node) -> NDArray[np.int8]:
    """Return the 256 outputs of an activation function, at the index ``input & 255``."""
    return activation.table(Context(graph, node, {}))

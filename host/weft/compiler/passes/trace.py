"""The graph after import and after each of the compiler's passes, as plain values."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from weft.compiler.passes import PASSES
from weft.graph import Graph, Node, Tensor

__all__ = ["graph_as_dict", "trace_passes"]


def trace_passes(graph: Graph) -> Iterator[tuple[str, Graph]]:
    """Yield ``("import", graph)``, then each pass's name and the graph that it returns."""
    yield "import", graph
    for graph_pass in PASSES:
        graph = graph_pass(graph)
        yield graph_pass.__name__, graph


def graph_as_dict(graph: Graph) -> dict[str, Any]:
    """Return inputs, outputs, nodes and the tensors that they name; constants without values.

    Tensors are in the order in which the nodes first name them. A quantisation per channel has
    as many scales and zero points as channels.
    """
    used = dict.fromkeys(
        [
            *graph.sources,
            *(name for node in graph.nodes for name in (*node.inputs, *node.outputs) if name),
            *graph.results,
        ]
    )
    return {
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "states": [{"name": state.name, "next": state.next} for state in graph.states],
        "nodes": [_node(node) for node in graph.nodes],
        "tensors": [_tensor(graph.tensors[name]) for name in used],
    }


def _node(node: Node) -> dict[str, Any]:
    return {
        "name": node.name,
        "operator": node.operator,
        "inputs": list(node.inputs),
        "outputs": list(node.outputs),
        "attributes": {name: _plain(value) for name, value in node.attributes.items()},
    }


def _tensor(tensor: Tensor) -> dict[str, Any]:
    quantization = None
    if tensor.quantization is not None:
        quantization = {
            "scale": tensor.quantization.scale.tolist(),
            "zero_point": tensor.quantization.zero_point.tolist(),
            "axis": tensor.quantization.axis,
        }
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "dtype": str(tensor.dtype),
        "constant": tensor.data is not None,
        "quantization": quantization,
    }


def _plain(value: Any) -> Any:
    """Return ``value`` with what JSON lacks made plain: tuples, arrays and NumPy's numbers."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value if isinstance(value, str | int | float | bool | None) else str(value)

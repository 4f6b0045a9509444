"""The order in which nodes run."""

from collections.abc import Mapping

from weft.graph import Graph

__all__ = ["order_nodes"]


def order_nodes(graph: Graph, host: Mapping[int, str]) -> list[int]:
    """Return an order in which host and accelerator take turns as rarely as possible."""
    constants = (name for name, tensor in graph.tensors.items() if tensor.data is not None)
    known: set[str | None] = {None, *graph.sources, *constants}
    left, order, on_host = list(range(len(graph.nodes))), [], True
    while left:
        later = []
        for index in left:
            node = graph.nodes[index]
            if (index in host) == on_host and known.issuperset(node.inputs):
                known.update(node.outputs)
                order.append(index)
            else:
                later.append(index)
        if len(later) == len(left):
            on_host = not on_host
        left = later
    return order

"""The order in which nodes run."""

from collections.abc import Mapping

from weft.graph import Graph

__all__ = ["order_nodes"]


def order_nodes(graph: Graph, host: Mapping[int, str]) -> list[int]:
    """Return an order in which host and accelerator take turns as rarely as possible."""
    known = set(graph.sources) | {n for n, t in graph.tensors.items() if t.data is not None}
    left, order, on_host = list(range(len(graph.nodes))), [], True
    while left:
        progress = False
        for index in list(left):
            node = graph.nodes[index]
            ready = all(name is None or name in known for name in node.inputs)
            if ready and (index in host) == on_host:
                known.update(node.outputs)
                left.remove(index)
                order.append(index)
                progress = True
        if not progress:
            on_host = not on_host
    return order

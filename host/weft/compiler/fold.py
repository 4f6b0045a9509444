"""Passes over the graph before lowering: padding becomes part of the window that follows it."""

from dataclasses import replace

from weft.graph import Graph, Node

__all__ = ["fold_padding"]

_PADDED = ("CONV_2D", "DEPTHWISE_CONV_2D")
_LARGEST_PADDING = 255


def fold_padding(graph: Graph) -> Graph:
    """Return ``graph`` without the PAD nodes that convolutions can do by themselves.

    A convolution pads with its input's zero point, which is what PAD writes, if both of its
    tensors are quantised alike.
    """
    for node in graph.nodes:
        if node.operator == "PAD" and _foldable(graph, node):
            graph = _fold(graph, node)
    return graph


def _foldable(graph: Graph, node: Node) -> bool:
    source, result = graph.tensors[str(node.inputs[0])], graph.tensors[node.outputs[0]]
    a, b = source.quantization, result.quantization
    paddings = node.attributes["paddings"]
    if a is None or b is None or len(paddings) != 4 or any(paddings[0]) or any(paddings[3]):
        return False
    alike = (a.scale[0], a.zero_point[0]) == (b.scale[0], b.zero_point[0])
    readers = graph.consumers(result.name)
    return (
        alike and bool(readers) and result.name not in graph.outputs
        and all(r.operator in _PADDED and max(_sum(r, node)) <= _LARGEST_PADDING for r in readers)
    )  # fmt: skip


def _sum(reader: Node, pad: Node) -> tuple[int, int, int, int]:
    top, bottom, left, right = reader.attributes["padding"]
    (above, below), (before, after) = pad.attributes["paddings"][1:3]
    return top + int(above), bottom + int(below), left + int(before), right + int(after)


def _fold(graph: Graph, pad: Node) -> Graph:
    result = pad.outputs[0]
    nodes = []
    for node in graph.nodes:
        if node is pad:
            continue
        if result in node.inputs:
            inputs = tuple(pad.inputs[0] if name == result else name for name in node.inputs)
            attributes = {**node.attributes, "padding": _sum(node, pad)}
            node = replace(node, inputs=inputs, attributes=attributes)
        nodes.append(node)
    return graph.replace(nodes=tuple(nodes))

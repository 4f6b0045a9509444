"""Passes over the graph before lowering: padding and moves become part of what follows them."""

from dataclasses import replace

import numpy as np
from weft_hw.contract.descriptor import DESCRIPTOR
from weft_hw.contract.fields import largest

from weft.graph import Graph, Node, Quantization, Tensor

__all__ = ["fold_moves", "fold_padding"]

_PADDED = ("CONV_2D", "DEPTHWISE_CONV_2D")
_LARGEST_PADDING = largest(DESCRIPTOR, "pad_top")
_MOVES = ("RESHAPE", "TRANSPOSE")


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
    alike &= node.attributes.get("value", a.zero_point[0]) == a.zero_point[0]
    readers = graph.consumers(result.name)
    return (
        alike
        and bool(readers)
        and result.name not in graph.results
        and all(r.operator in _PADDED and max(_sum(r, node)) <= _LARGEST_PADDING for r in readers)
    )


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


def fold_moves(graph: Graph) -> Graph:
    """Return ``graph`` with fully connected layers that read their input in memory order.

    A network that was trained with channels first flattens a transposed map. Where nothing else
    reads it, the weights are permuted in its place.
    """
    for node in graph.nodes:
        if node.operator == "FULLY_CONNECTED":
            graph = _fold_moves_into(graph, node)
    return graph


def _fold_moves_into(graph: Graph, node: Node) -> Graph:
    weights = graph.tensors[str(node.inputs[1])]
    name, moves = str(node.inputs[0]), []
    while (move := graph.producer(name)) is not None and move.operator in _MOVES:
        if len(graph.consumers(name)) != 1 or name in graph.results:
            break
        moves.append(move)
        name = str(move.inputs[0])
    source = graph.tensors[name]
    size = int(np.prod(source.shape[1:]))
    if (
        not any(move.operator == "TRANSPOSE" for move in moves)
        or weights.data is None
        or weights.shape[1] != size
        or not source.shape
        or any(m.attributes["permutation"][0] != 0 for m in moves if m.operator == "TRANSPOSE")
        or (weights.quantization is not None and _along_inputs(weights.quantization))
    ):
        return graph
    # Where each feature lies in the source: the moves themselves say so.
    order = np.arange(size).reshape(1, *source.shape[1:])
    for move in reversed(moves):
        if move.operator == "TRANSPOSE":
            order = order.transpose(move.attributes["permutation"])
        else:
            order = order.reshape(1, *graph.tensors[move.outputs[0]].shape[1:])
    permuted = np.empty_like(weights.data)
    permuted[:, order.reshape(-1)] = weights.data
    flat, matrix = f"{name}/flat for {node.name}", f"{weights.name}/for {name}"
    tensors = dict(graph.tensors)
    tensors[flat] = Tensor(flat, (source.shape[0], size), source.dtype, source.quantization)
    tensors[matrix] = replace(weights, name=matrix, data=permuted)
    reshape = Node("RESHAPE", flat, (name,), (flat,))
    connected = replace(node, inputs=(flat, matrix, *node.inputs[2:]))
    nodes = []
    for other in graph.nodes:
        if other is node:
            nodes += [reshape, connected]
        elif not any(other is move for move in moves):
            nodes.append(other)
    return graph.replace(nodes=tuple(nodes), tensors=tensors)


def _along_inputs(quantization: Quantization) -> bool:
    return len(quantization.scale) > 1 and quantization.axis != 0

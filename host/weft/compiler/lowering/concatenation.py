"""CONCATENATION: producers write in place, or parts are copied side by side."""

import numpy as np
from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Place, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.copies import copy
from weft.compiler.lowering.elementwise import emit_table, function_table
from weft.graph import OPERATORS, Graph, Node
from weft.program.layout import default_layout, feature_map

__all__ = ["lower_concatenation", "place_concatenations"]

# Besides what moves a window over its input.
_SLICE_READERS = ("FULLY_CONNECTED", "CONCATENATION", "PAD", "SLICE")


def place_concatenations(
    graph: Graph, config: Config, host: dict[int, str], apart: set[str]
) -> dict[str, Place]:
    """Return places of concatenations, and of inputs whose producers write them in place.

    An input is written in place where its producer writes single beats and every reader can
    read a slice, its quantisation is the result's, and it is not in ``apart``.
    """
    places: dict[str, Place] = {}
    for index, node in enumerate(graph.nodes):
        if node.operator != "CONCATENATION" or index in host or not _by_channels(graph, node):
            continue
        output = graph.tensors[node.outputs[0]]
        size = feature_map(output.shape)
        layout = default_layout(config, size, narrowest=config.lanes)
        if output.name not in places:
            places[output.name] = Place(Buffer(output.name, layout.words), layout)
        whole, first = places[output.name], 0
        for name in node.inputs:
            if name is None:
                continue
            channels = feature_map(graph.tensors[name].shape)[2]
            if name not in apart and name not in places and _in_place(graph, node, name, host):
                places[name] = Place(whole.buffer, whole.layout.slice(first, channels))
            first += channels
    return places


def _by_channels(graph: Graph, node: Node) -> bool:
    rank = len(graph.tensors[node.outputs[0]].shape)
    return rank >= 2 and node.attributes["axis"] % rank == rank - 1


def _in_place(graph: Graph, node: Node, name: str, host: dict[int, str]) -> bool:
    producer = graph.producer(name)
    if producer is None or graph.writing[name] in host or node.inputs.count(name) > 1:
        return False
    a, b = graph.tensors[name].quantization, graph.tensors[node.outputs[0]].quantization
    if a is None or b is None:
        return False
    same = np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
    readers = all(
        OPERATORS[reader.operator].windowed or reader.operator in _SLICE_READERS
        for reader in graph.consumers(name)
    )
    return (
        same
        and readers
        and OPERATORS[producer.operator].windowed
        and node.attributes.get("activation", "NONE") == "NONE"
    )


def lower_concatenation(lowering: Lowering, index: int) -> None:
    """Lower CONCATENATION along channels: copy what was not written in place already."""
    graph, node = lowering.graph, lowering.graph.nodes[index]
    if not _by_channels(graph, node):
        _join_pixels(lowering, index)
        return
    output = graph.tensors[node.outputs[0]]
    lowering.zero_point(output)
    target, first = lowering.places[output.name], 0
    for i in range(len(node.inputs)):
        tensor = lowering.tensor(node, i)
        source = lowering.place(tensor)
        channels = source.layout.channels
        part = Place(target.buffer, target.layout.slice(first, channels))
        first += channels
        if source == part:
            continue
        table = _rescaling(lowering, node, i)
        identity = np.array_equal(table, np.arange(256, dtype=np.uint8).view(np.int8))
        if not identity:
            emit_table(lowering, index, table.astype(np.int64))
        copy(lowering, index, source, part, use_table=not identity)
    if lowering.commands and lowering.commands[-1].node == index:
        lowering.commands[-1].outputs = node.outputs


def _join_pixels(lowering: Lowering, index: int) -> None:
    """Lower CONCATENATION of rows or columns: a copy of each part behind the one before."""
    graph, node = lowering.graph, lowering.graph.nodes[index]
    rank = len(graph.tensors[node.outputs[0]].shape)
    along = node.attributes["axis"] - rank + 3  # 0: rows, 1: columns
    if rank > 4 or along not in (0, 1):
        raise Unsupported("it joins neither rows nor columns nor channels")
    target, first = lowering.target(node), 0
    for i in range(len(node.inputs)):
        source = lowering.place(lowering.tensor(node, i))
        size = (source.layout.height, source.layout.width)
        table = _rescaling(lowering, node, i)
        identity = np.array_equal(table, np.arange(256, dtype=np.uint8).view(np.int8))
        if not identity:
            emit_table(lowering, index, table.astype(np.int64))
        at = (first, 0) if along == 0 else (0, first)
        copy(lowering, index, source, target, use_table=not identity, at=at, size=size)
        first += size[along]
    lowering.commands[-1].outputs = node.outputs


def _rescaling(lowering: Lowering, node: Node, index: int) -> np.ndarray:
    """Return what concatenation does to each value of input ``index``, int8 (256,)."""
    name = node.inputs[index]
    one = Node(node.operator, node.name, (name,), node.outputs, {**node.attributes, "axis": 1})
    return function_table(lowering, one)

"""RESHAPE (free), and what copies move; CONCATENATION may have its producers write in place."""

from dataclasses import replace

import numpy as np
from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Place, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.copies import copy
from weft.compiler.lowering.elementwise import emit_table, function_table
from weft.compiler.lowering.spare import pads_channels
from weft.graph import OPERATORS, Graph, Node
from weft.program.layout import default_layout, feature_map

__all__ = [
    "lower_concatenation",
    "lower_gather",
    "lower_pad",
    "lower_reshape",
    "lower_slice",
    "place_concatenations",
]

# Besides what moves a window over its input.
_SLICE_READERS = ("FULLY_CONNECTED", "CONCATENATION", "PAD", "SLICE")


def lower_reshape(lowering: Lowering, index: int) -> None:
    """Give the output the input's buffer: nothing has to move."""
    graph, node = lowering.graph, lowering.graph.nodes[index]
    source = lowering.place(lowering.tensor(node, 0))
    name = node.outputs[0]
    if name in lowering.places:
        raise Unsupported("its result is a part of a concatenation")
    layout = source.layout.reshaped(*feature_map(graph.tensors[name].shape))
    if layout is None:
        readers = [
            reader
            for i, reader in enumerate(graph.nodes)
            if name in reader.inputs and i not in lowering.host
        ]
        if any(reader.operator not in ("FULLY_CONNECTED", "RESHAPE") for reader in readers):
            raise Unsupported("the new shape lies differently in memory")
        layout = source.layout
    lowering.places[name] = Place(source.buffer, layout)


def lower_pad(lowering: Lowering, index: int) -> None:
    """Lower a PAD that no convolution took over: a copy, unless what it adds is there."""
    node = lowering.graph.nodes[index]
    tensor = lowering.tensor(node, 0)
    if len(tensor.shape) > 4 or any(node.attributes["paddings"][0]):
        raise Unsupported("it pads the batch, or has more than 4 dimensions")
    if _spare(lowering, node):
        place = lowering.place(tensor)
        channels = lowering.graph.tensors[node.outputs[0]].shape[-1]
        lowering.places[node.outputs[0]] = Place(
            place.buffer, replace(place.layout, channels=channels)
        )
        return
    paddings = ((0, 0), (0, 0), *node.attributes["paddings"][1:])[-3:]
    (top, _), (left, _), (before, _) = paddings
    value = node.attributes.get("value", lowering.zero_point(tensor))
    copy(
        lowering,
        index,
        lowering.place(tensor),
        lowering.target(node),
        pad=(top, left),
        pad_value=value,
        outputs=node.outputs,
        before=before,
    )


def _spare(lowering: Lowering, node: Node) -> bool:
    """Whether what PAD writes lies behind its input's channels already."""
    result = node.outputs[0]
    needed = lowering.spare.get(result, lowering.graph.tensors[result].shape[-1])
    return (
        result not in lowering.places
        and pads_channels(lowering.graph, node)
        and lowering.spare.get(str(node.inputs[0]), 0) >= needed
    )


def lower_slice(lowering: Lowering, index: int) -> None:
    """Lower SLICE: a copy of some rows, columns and channels."""
    node = lowering.graph.nodes[index]
    tensor = lowering.tensor(node, 0)
    source, target = lowering.place(tensor), lowering.target(node)
    if len(tensor.shape) > 4:
        raise Unsupported("it has more than 4 dimensions")
    top, left, first = (0, 0, 0, *node.attributes["begin"][1:])[-3:]
    part = Place(source.buffer, source.layout.slice(first, target.layout.channels))
    copy(lowering, index, part, target, pad=(-top, -left), outputs=node.outputs)


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


def lower_gather(lowering: Lowering, index: int) -> None:
    """Lower GATHER of rows or columns: a copy of each run of indices at even distances."""
    node, config = lowering.graph.nodes[index], lowering.config
    tensor = lowering.tensor(node, 0)
    along = node.attributes["axis"] - len(tensor.shape) + 3
    if len(tensor.shape) > 4 or along not in (0, 1):
        raise Unsupported("it takes neither rows nor columns")
    runs = _runs(node.attributes["indices"])
    if len(runs) > max(_SHARE, config.descriptor_count // _SHARE):
        raise Unsupported(f"it takes {len(runs)} runs of indices, each a descriptor")
    source, target = lowering.place(tensor), lowering.target(node)
    height, width = source.layout.height, source.layout.width
    done = 0
    for first, count, step in runs:
        rows = along == 0
        copy(
            lowering,
            index,
            source,
            target,
            pad=(-first, 0) if rows else (0, -first),
            stride=(step, 1) if rows else (1, step),
            at=(done, 0) if rows else (0, done),
            size=(count, width) if rows else (height, count),
        )
        done += count
    lowering.commands[-1].outputs = node.outputs


_SHARE = 8  # one in so many descriptors, or so many, may be of one such layer
_FURTHEST = 4  # stride that the gateware takes


def _runs(indices: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return (first, count, step) of runs of which ``indices`` consists."""
    runs: list[tuple[int, int, int]] = []
    for value in indices:
        if runs:
            first, count, step = runs[-1]
            step = value - first if count == 1 else step
            if value == first + count * step and 0 <= step <= _FURTHEST:
                runs[-1] = first, count + 1, step
                continue
        runs.append((value, 1, 1))
    return runs


def _rescaling(lowering: Lowering, node: Node, index: int) -> np.ndarray:
    """Return what concatenation does to each value of input ``index``, int8 (256,)."""
    name = node.inputs[index]
    one = Node(node.operator, node.name, (name,), node.outputs, {**node.attributes, "axis": 1})
    return function_table(lowering, one)

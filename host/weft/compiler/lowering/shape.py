"""RESHAPE, which is free, and what copies move: PAD, SLICE, GATHER."""

from dataclasses import replace

from weft.compiler.ir import Place, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.copies import copy
from weft.compiler.lowering.spare import pads_channels
from weft.graph import Node
from weft.program.layout import feature_map

__all__ = ["lower_gather", "lower_pad", "lower_reshape", "lower_slice"]


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

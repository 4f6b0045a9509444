"""The meaning of dimension 0: independent images where that is proved, else a part of one image.

Every tensor of a graph has an image dimension in front: images are computed apart from each other.
A file says nothing of images. Where no operator mixes or reorders the first dimension, that is the
image dimension. Else the whole file is one image. Then tensors whose first dimension is not 1 get
one of 1 in front, and operators' axes move along.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from weft.graph.graph import Graph, Node, Tensor
from weft.graph.operators import OPERATORS

__all__ = ["as_one_image", "counts_images", "with_images"]

Shape = tuple[int, ...]

# Attributes that name dimensions, with one more dimension in front.
_MOVED: dict[str, Callable[[Any], Any]] = {
    "axis": lambda axis: axis + 1,
    "axes": lambda axes: tuple(axis + 1 for axis in axes),
    "permutation": lambda permutation: (0, *(axis + 1 for axis in permutation)),
    "paddings": lambda paddings: ((0, 0), *paddings),
    "begin": lambda begin: (0, *begin),
    "size": lambda size: (1, *size),
    "batch_dims": lambda dims: dims + 1,
}
_ROWS = ("L2_NORMALIZATION", "LOG_SOFTMAX", "SOFTMAX")  # work along the last dimension


def with_images(graph: Graph) -> Graph:
    """Return ``graph``, as the file has it, with an image dimension in front of every tensor."""
    return graph if counts_images(graph) else _OneImage(graph).result()


def as_one_image(graph: Graph) -> Graph:
    """Return ``graph`` with no other batch than the one that its tensors have."""
    names = (name for name in (*graph.inputs, *graph.outputs) if graph.tensors[name].data is None)
    return graph.replace(declared={name: graph.tensors[name].shape for name in names})


def counts_images(graph: Graph) -> bool:
    """Whether dimension 0 of every tensor counts images that do not depend on each other."""
    shapes = {graph.tensors[name].shape[:1] for name in graph.inputs}
    if len(shapes) != 1 or shapes == {()}:
        return False
    [count] = shapes.pop()
    return all(_keeps_images(graph, node, count) for node in graph.nodes)


def _keeps_images(graph: Graph, node: Node, count: int) -> bool:
    """Whether each image of the outputs depends on that image of the inputs alone."""
    operands = [graph.tensors[name] for name in node.inputs if name is not None]
    variable = [t for t in operands if t.data is None]
    results = [graph.tensors[name] for name in node.outputs]
    if any(t.shape[:1] != (count,) for t in (*variable, *results)):
        return False
    rank = len(results[0].shape)
    match node.attributes:
        case {"axis": axis}:
            constants = [t for t in operands if t.data is not None]
            return axis > 0 and all(t.shape[:1] == (1,) for t in constants)
        case {"axes": axes}:
            return 0 not in axes
        case {"permutation": permutation}:
            return permutation[0] == 0
        case {"paddings": paddings}:
            return not any(paddings[0])
        case {"begin": begin, "size": size}:
            return begin[0] == 0 and size[0] == count
        case {"batch_dims": dims}:
            return dims > 0 and all(t.shape[:1] == (count,) for t in operands)
    if OPERATORS[node.operator].broadcasts:
        return all(
            len(t.shape) == rank if t.data is None else len(t.shape) < rank or t.shape[0] == 1
            for t in operands
        )
    if node.operator == "BATCH_MATMUL":
        return all(len(t.shape) == rank for t in operands)
    if node.operator == "FULLY_CONNECTED":
        features = operands[1].shape[-1]
        return int(np.prod(variable[0].shape[1:])) % max(1, features) == 0
    return node.operator not in _ROWS or rank > 1


def image_shape(shape: Shape) -> Shape:
    """Return ``shape`` with an image dimension of 1 in front."""
    return shape if shape[:1] == (1,) else (1, *shape)


class _OneImage:
    """The whole of a file as one image."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._nodes: list[Node] = []
        self._tensors = {
            name: t if t.data is not None else replace(t, shape=image_shape(t.shape))
            for name, t in graph.tensors.items()
        }

    def result(self) -> Graph:
        """Return the graph."""
        graph = self._graph
        for node in graph.nodes:
            self._add(node)
        declared = {
            name: graph.tensors[name].shape
            for name in (*graph.inputs, *graph.outputs)
            if graph.tensors[name].data is None
        }
        states = tuple(
            replace(state, initial=state.initial.reshape(image_shape(state.initial.shape)))
            for state in graph.states
        )
        return graph.replace(
            nodes=tuple(self._nodes), tensors=self._tensors, states=states, declared=declared
        )

    def _add(self, node: Node) -> None:
        operands = [self._graph.tensors[name] for name in node.inputs if name is not None]
        wide = any(t.data is None and t.shape[:1] != (1,) for t in operands)
        touched = wide or self._graph.tensors[node.outputs[0]].shape[:1] != (1,)
        changes = {k: _MOVED[k](v) for k, v in node.attributes.items() if k in _MOVED}
        if changes and (touched or not _keeps_images(self._graph, node, 1)):
            self._add_explicit(node, changes)
        elif not self._keeps_rank(node):
            self._add_explicit(node, {})
        else:
            self._nodes.append(node)

    def _keeps_rank(self, node: Node) -> bool:
        """Whether operands with image dimensions, and with all others, give the result with one."""
        if not OPERATORS[node.operator].broadcasts:
            return node.operator not in _ROWS or len(self._tensors[node.outputs[0]].shape) > 1
        operands = [self._tensors[name] for name in node.inputs if name is not None]
        result = self._tensors[node.outputs[0]].shape
        if any(t.data is None and len(t.shape) != len(result) for t in operands):
            return False
        try:
            return np.broadcast_shapes(*(t.shape for t in operands)) == result
        except ValueError:
            return False

    def _add_explicit(self, node: Node, changes: dict[str, Any]) -> None:
        """Add ``node`` between reshapes, with one dimension more in front of each tensor."""
        rank = 1 + len(self._graph.tensors[node.outputs[0]].shape)
        least = rank if OPERATORS[node.operator].broadcasts else 0
        inputs = tuple(name and self._widened(name, least) for name in node.inputs)
        outputs = []
        for name in node.outputs:
            tensor = self._graph.tensors[name]
            wide = (1, *tensor.shape)
            if wide == self._tensors[name].shape:
                outputs.append(name)
                continue
            outputs.append(self._new(name, replace(tensor, shape=wide)))
        self._nodes.append(
            replace(
                node,
                inputs=inputs,
                outputs=tuple(outputs),
                attributes={**node.attributes, **changes},
            )
        )
        for wide, name in zip(outputs, node.outputs, strict=True):
            if wide != name:
                self._nodes.append(Node("RESHAPE", name, (wide,), (name,)))

    def _widened(self, name: str, least: int) -> str:
        """Return the name of tensor ``name`` with one dimension more in front, ``least`` in all."""
        tensor = self._graph.tensors[name]
        wide = (*(1,) * max(1, least - len(tensor.shape)), *tensor.shape)
        if tensor.data is not None:
            return self._new(name, replace(tensor, shape=wide, data=tensor.data.reshape(wide)))
        if wide == self._tensors[name].shape:
            return name
        new = self._new(name, replace(tensor, shape=wide))
        self._nodes.append(Node("RESHAPE", new, (name,), (new,)))
        return new

    def _new(self, name: str, tensor: Tensor) -> str:
        number = 0
        while (new := f"{name} as an image" + f" {number}" * bool(number)) in self._tensors:
            number += 1
        self._tensors[new] = replace(tensor, name=new)
        return new

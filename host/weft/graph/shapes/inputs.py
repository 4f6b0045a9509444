"""Shapes of what an operator reads."""

from weft.errors import ModelError
from weft.graph.graph import Graph, Node

__all__ = ["Shape", "given_shape", "image_shape", "input_shape", "same"]

Shape = tuple[int, ...]


def input_shape(graph: Graph, node: Node, index: int = 0) -> Shape:
    """Return the shape of an input, which must not be missing."""
    name = node.inputs[index]
    if name is None:
        raise ModelError(f"input {index} of {node.operator} is missing")
    return graph.tensors[name].shape


def image_shape(graph: Graph, node: Node) -> Shape:
    """Return the shape of the first input, which must be images of at least one value."""
    shape = input_shape(graph, node)
    # A fifth dimension in front is the image's, where the file's first one does not count images.
    if len(shape) not in (4, 5) or 0 in shape[1:]:
        raise ModelError(f"{node.operator} needs an input of 4 dimensions, not {shape}")
    return shape


def given_shape(graph: Graph, node: Node) -> Shape:
    """Return the shape that the file gives to the first output."""
    return graph.tensors[node.outputs[0]].shape


def same(graph: Graph, node: Node) -> Shape:
    """Return the input's shape."""
    return input_shape(graph, node)

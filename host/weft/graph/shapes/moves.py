"""Shapes that operators have which move values, or work on each alone."""

import math

import numpy as np

from weft.errors import ModelError
from weft.graph.graph import Graph, Node
from weft.graph.shapes.inputs import Shape, given_shape, image_shape, input_shape

__all__ = [
    "arg_max",
    "broadcast",
    "concatenation",
    "gather",
    "gather_nd",
    "pad",
    "reshape",
    "resize",
    "resize_between",
    "slice_",
    "softmax",
    "transpose",
]


def broadcast(graph: Graph, node: Node) -> Shape:
    """Return the shape to which NumPy repeats the operands."""
    shapes = [graph.tensors[name].shape for name in node.inputs if name is not None]
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ModelError(f"operands of shapes {text} do not fit each other") from None


def concatenation(graph: Graph, node: Node) -> Shape:
    """Return the shape of operands side by side."""
    shapes = [input_shape(graph, node, index) for index in range(len(node.inputs))]
    axis, first = node.attributes["axis"], shapes[0]
    if not 1 <= axis < len(first):
        raise ModelError(f"CONCATENATION cannot run along axis {axis} of shape {first}")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1 or any(len(shape) != len(first) for shape in shapes):
        raise ModelError(f"shapes {shapes} cannot be joined along axis {axis}")
    return *first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]


def pad(graph: Graph, node: Node) -> Shape:
    """Return the shape of the input with padding."""
    shape, paddings = input_shape(graph, node), node.attributes["paddings"]
    if len(paddings) != len(shape) or any(not 0 <= p <= 1 << 16 for pair in paddings for p in pair):
        raise ModelError(f"paddings {paddings} do not fit shape {shape}")
    if any(paddings[0]):
        raise ModelError("PAD cannot pad the batch")
    return tuple(size + sum(pair) for size, pair in zip(shape, paddings, strict=True))


def reshape(graph: Graph, node: Node) -> Shape:
    """Return the shape that the output has."""
    shape, given = input_shape(graph, node), given_shape(graph, node)
    if math.prod(shape) != math.prod(given):
        raise ModelError(f"shape {shape} cannot become {given}")
    return given


def transpose(graph: Graph, node: Node) -> Shape:
    """Return the dimensions in another order."""
    shape, permutation = input_shape(graph, node), node.attributes["permutation"]
    if sorted(permutation) != list(range(len(shape))):
        raise ModelError(f"permutation {permutation} does not fit shape {shape}")
    return tuple(shape[axis] for axis in permutation)


def slice_(graph: Graph, node: Node) -> Shape:
    """Return the shape of a part."""
    shape, begin, size = input_shape(graph, node), node.attributes["begin"], node.attributes["size"]
    if (
        not shape
        or not len(shape) == len(begin) == len(size)
        or any(
            not 0 <= first <= first + count <= length or count < 1
            for first, count, length in zip(begin[1:], size[1:], shape[1:], strict=True)
        )
        or (begin[0], size[0]) != (0, shape[0])
    ):
        raise ModelError(f"a slice of {size} from {begin} on does not fit shape {shape}")
    return tuple(size)


def gather(graph: Graph, node: Node) -> Shape:
    """Return the shape with one value for each index along the axis."""
    shape, axis, indices = (
        input_shape(graph, node),
        node.attributes["axis"],
        node.attributes["indices"],
    )
    if not 1 <= axis < len(shape) or not indices:
        raise ModelError(f"GATHER cannot run along axis {axis} of shape {shape}")
    if not all(0 <= index < shape[axis] for index in indices):
        raise ModelError(f"an index of GATHER lies outside of {shape[axis]} values")
    return *shape[:axis], len(indices), *shape[axis + 1 :]


def gather_nd(graph: Graph, node: Node) -> Shape:
    """Return the shape of a part for each position."""
    shape, places = input_shape(graph, node), input_shape(graph, node, 1)
    batch = node.attributes["batch_dims"]
    depth = places[-1] if places else 0
    if not batch < len(places) or places[:batch] != shape[:batch] or 0 in (*shape, *places):
        raise ModelError(f"positions of shape {places} do not fit shape {shape}")
    if batch + depth > len(shape):
        raise ModelError(f"positions of {depth} dimensions do not fit shape {shape}")
    return *places[:-1], *shape[batch + depth :]


def resize(graph: Graph, node: Node) -> Shape:
    """Return an image of the size that the output has."""
    image, given = image_shape(graph, node), given_shape(graph, node)
    if len(given) != len(image):
        raise ModelError(f"an image cannot have shape {given}")
    return *image[:-3], given[-3], given[-2], image[-1]


def resize_between(graph: Graph, node: Node) -> Shape:
    """Return an image with a pixel for each row and column that the node names."""
    image = image_shape(graph, node)
    rows, columns = node.attributes["rows"], node.attributes["columns"]
    for positions, length in ((rows, image[-3]), (columns, image[-2])):
        if not positions or not all(0 <= position <= length - 1 for position in positions):
            raise ModelError(f"a position of {node.operator} lies outside of {length} pixels")
    return *image[:-3], len(rows), len(columns), image[-1]


def arg_max(graph: Graph, node: Node) -> Shape:
    """Return the shape without the axis."""
    shape, axis = input_shape(graph, node), node.attributes["axis"]
    if not 1 <= axis < len(shape) or 0 in shape:
        raise ModelError(f"{node.operator} cannot run over axis {axis} of shape {shape}")
    return *shape[:axis], *shape[axis + 1 :]


def softmax(graph: Graph, node: Node) -> Shape:
    """Return the input's shape, which must not be empty."""
    shape = input_shape(graph, node)
    if not shape or 0 in shape:
        raise ModelError(f"{node.operator} of shape {shape}")
    return shape

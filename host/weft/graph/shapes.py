"""The shape that each operator's output must have, from its inputs' shapes and attributes.

Each rule takes a graph and a node, and raises :class:`weft.errors.ModelError` where shapes and
attributes do not fit each other.
"""

import math

import numpy as np

from weft.errors import ModelError
from weft.graph.graph import Graph, Node

__all__ = [
    "Shape",
    "arg_max",
    "batch_matmul",
    "broadcast",
    "concatenation",
    "convolution",
    "depthwise",
    "detection",
    "fully_connected",
    "gather",
    "lstm",
    "pad",
    "pool",
    "reduction",
    "reshape",
    "resize",
    "resize_between",
    "same",
    "slice_",
    "softmax",
    "svdf",
    "transpose",
    "transposed",
]

Shape = tuple[int, ...]


def _input(graph: Graph, node: Node, index: int = 0) -> Shape:
    name = node.inputs[index]
    if name is None:
        raise ModelError(f"input {index} of {node.operator} is missing")
    return graph.tensors[name].shape


def _image(graph: Graph, node: Node) -> Shape:
    shape = _input(graph, node)
    # A fifth dimension in front is the image's, where the file's first one does not count images.
    if len(shape) not in (4, 5) or 0 in shape[1:]:
        raise ModelError(f"{node.operator} needs an input of 4 dimensions, not {shape}")
    return shape


def _given(graph: Graph, node: Node) -> Shape:
    return graph.tensors[node.outputs[0]].shape


def same(graph: Graph, node: Node) -> Shape:
    """Return the input's shape."""
    return _input(graph, node)


def _slide(node: Node, size: Shape, kernel: Shape, dilation: Shape = (1, 1)) -> Shape:
    stride, padding = node.attributes["stride"], node.attributes["padding"]
    if min(*stride, *dilation, *kernel) < 1 or min(padding) < 0 or max(padding) > 1 << 16:
        raise ModelError(
            f"kernel {kernel}, stride {stride} and dilation {dilation} must be positive, "
            f"padding {padding} not negative"
        )
    result = []
    for axis in (0, 1):
        padded = size[axis] + padding[2 * axis] + padding[2 * axis + 1]
        extent = (kernel[axis] - 1) * dilation[axis] + 1
        if extent > padded:
            raise ModelError(f"the kernel covers {extent} pixels, the padded input has {padded}")
        result.append((padded - extent) // stride[axis] + 1)
    return tuple(result)


def _weights(graph: Graph, node: Node, rank: int) -> Shape:
    shape = _input(graph, node, 1)
    if len(shape) != rank or 0 in shape:
        raise ModelError(f"the weights of {node.operator} cannot have shape {shape}")
    return shape


def convolution(graph: Graph, node: Node) -> Shape:
    """CONV_2D: weights (out, kernel_h, kernel_w, in / groups)."""
    image, weights = _image(graph, node), _weights(graph, node, 4)
    groups = node.attributes["groups"]
    if groups < 1 or weights[3] * groups != image[-1] or weights[0] % groups:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels in {groups} groups"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[0]


def depthwise(graph: Graph, node: Node) -> Shape:
    """DEPTHWISE_CONV_2D: weights (1, kernel_h, kernel_w, out)."""
    image, weights = _image(graph, node), _weights(graph, node, 4)
    multiplier = node.attributes["depth_multiplier"]
    if weights[0] != 1 or multiplier < 1 or weights[3] != image[-1] * multiplier:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels, {multiplier} times"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[3]


def transposed(graph: Graph, node: Node) -> Shape:
    """TRANSPOSE_CONV: the size that the output has."""
    image, weights, given = _image(graph, node), _weights(graph, node, 4), _given(graph, node)
    if weights[3] != image[-1] or len(given) != len(image):
        raise ModelError(f"weights of shape {weights} do not fit {image[-1]} channels")
    # The output's size is an operand; sliding back over it must give the input.
    if _slide(node, given[-3:-1], weights[1:3]) != image[-3:-1]:
        raise ModelError(f"an output of {given[-3:-1]} does not fit an input of {image[-3:-1]}")
    return *image[:-3], given[-3], given[-2], weights[0]


def fully_connected(graph: Graph, node: Node) -> Shape:
    """FULLY_CONNECTED: one row of outputs for each row of inputs."""
    shape, weights, given = _input(graph, node), _weights(graph, node, 2), _given(graph, node)
    rows = math.prod(shape) // weights[1]
    if rows * weights[1] != math.prod(shape) or not given:
        raise ModelError(f"weights of shape {weights} do not fit an input of shape {shape}")
    if math.prod(given[:-1]) != rows:
        raise ModelError(f"{rows} rows of outputs do not fit shape {given}")
    return *given[:-1], weights[0]


def batch_matmul(graph: Graph, node: Node) -> Shape:
    """BATCH_MATMUL: rows of the first tensor by columns of the second, three dimensions or more."""
    left, right = _input(graph, node), _input(graph, node, 1)
    if min(len(left), len(right)) < 3 or left[-1] != right[-2] or 0 in (*left, *right):
        raise ModelError(f"matrices of shapes {left} and {right} do not fit each other")
    try:
        lead = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise ModelError(f"matrices of shapes {left} and {right} do not fit each other") from None
    return *lead, left[-2], right[-1]


def pool(graph: Graph, node: Node) -> Shape:
    """Return the shape of one value for each window and channel."""
    image, kernel = _image(graph, node), node.attributes["kernel"]
    rows, columns = _slide(node, image[-3:-1], kernel, node.attributes.get("dilation", (1, 1)))
    padding = node.attributes["padding"]
    if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1]:
        raise ModelError(f"padding {padding} must be smaller than the kernel {kernel}")
    return *image[:-3], rows, columns, image[-1]


def reduction(graph: Graph, node: Node) -> Shape:
    """Return the shape without the axes, or with 1 in their place."""
    shape, axes = _input(graph, node), node.attributes["axes"]
    if not axes or any(not 1 <= axis < len(shape) for axis in axes) or len({*axes}) < len(axes):
        raise ModelError(f"{node.operator} cannot run over axes {axes} of shape {shape}")
    if 0 in shape:
        raise ModelError(f"{node.operator} of an empty tensor of shape {shape}")
    if node.attributes["keep_dims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


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
    shapes = [_input(graph, node, index) for index in range(len(node.inputs))]
    axis, first = node.attributes["axis"], shapes[0]
    if not 1 <= axis < len(first):
        raise ModelError(f"CONCATENATION cannot run along axis {axis} of shape {first}")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1 or any(len(shape) != len(first) for shape in shapes):
        raise ModelError(f"shapes {shapes} cannot be joined along axis {axis}")
    return *first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]


def pad(graph: Graph, node: Node) -> Shape:
    """Return the shape of the input with padding."""
    shape, paddings = _input(graph, node), node.attributes["paddings"]
    if len(paddings) != len(shape) or any(not 0 <= p <= 1 << 16 for pair in paddings for p in pair):
        raise ModelError(f"paddings {paddings} do not fit shape {shape}")
    if any(paddings[0]):
        raise ModelError("PAD cannot pad the batch")
    return tuple(size + sum(pair) for size, pair in zip(shape, paddings, strict=True))


def reshape(graph: Graph, node: Node) -> Shape:
    """Return the shape that the output has."""
    shape, given = _input(graph, node), _given(graph, node)
    if math.prod(shape) != math.prod(given):
        raise ModelError(f"shape {shape} cannot become {given}")
    return given


def transpose(graph: Graph, node: Node) -> Shape:
    """Return the dimensions in another order."""
    shape, permutation = _input(graph, node), node.attributes["permutation"]
    if sorted(permutation) != list(range(len(shape))):
        raise ModelError(f"permutation {permutation} does not fit shape {shape}")
    return tuple(shape[axis] for axis in permutation)


def slice_(graph: Graph, node: Node) -> Shape:
    """Return the shape of a part."""
    shape, begin, size = _input(graph, node), node.attributes["begin"], node.attributes["size"]
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
    shape, axis, indices = _input(graph, node), node.attributes["axis"], node.attributes["indices"]
    if not 1 <= axis < len(shape) or not indices:
        raise ModelError(f"GATHER cannot run along axis {axis} of shape {shape}")
    if not all(0 <= index < shape[axis] for index in indices):
        raise ModelError(f"an index of GATHER lies outside of {shape[axis]} values")
    return *shape[:axis], len(indices), *shape[axis + 1 :]


def resize(graph: Graph, node: Node) -> Shape:
    """Return an image of the size that the output has."""
    image, given = _image(graph, node), _given(graph, node)
    if len(given) != len(image):
        raise ModelError(f"an image cannot have shape {given}")
    return *image[:-3], given[-3], given[-2], image[-1]


def resize_between(graph: Graph, node: Node) -> Shape:
    """Return an image with a pixel for each row and column that the node names."""
    image = _image(graph, node)
    rows, columns = node.attributes["rows"], node.attributes["columns"]
    for positions, length in ((rows, image[-3]), (columns, image[-2])):
        if not positions or not all(0 <= position <= length - 1 for position in positions):
            raise ModelError(f"a position of {node.operator} lies outside of {length} pixels")
    return *image[:-3], len(rows), len(columns), image[-1]


def arg_max(graph: Graph, node: Node) -> Shape:
    """Return the shape without the axis."""
    shape, axis = _input(graph, node), node.attributes["axis"]
    if not 1 <= axis < len(shape) or 0 in shape:
        raise ModelError(f"{node.operator} cannot run over axis {axis} of shape {shape}")
    return *shape[:axis], *shape[axis + 1 :]


def svdf(graph: Graph, node: Node) -> Shape:
    """Return the shape of one value for each unit: filters / rank."""
    x, features, times = (_input(graph, node, index) for index in (0, 1, 2))
    rank, filters = node.attributes["rank"], features[0] if features else 0
    if len(x) != 2 or features[1:] != x[1:] or len(times) != 2 or times[0] != filters:
        raise ModelError(f"weights of shapes {features} and {times} do not fit an input of {x}")
    if rank < 1 or filters % rank or _input(graph, node, 4) != (x[0], filters * times[1]):
        raise ModelError(f"a state of shape {_input(graph, node, 4)} does not fit rank {rank}")
    return x[0], filters // rank


def detection(graph: Graph, node: Node) -> Shape:
    """Return the shape of the corners of all boxes."""
    offsets, scores, anchors = (_input(graph, node, index) for index in range(3))
    classes, detections = node.attributes["classes"], node.attributes["detections"]
    if (
        len(offsets) != 3
        or len(scores) != 3
        or scores[:2] != offsets[:2]
        or anchors[-2:] != (offsets[1], 4)
        or offsets[2] < 4
        or scores[2] - classes not in (0, 1)
    ):
        raise ModelError(f"boxes {offsets}, scores {scores} and anchors {anchors} do not fit")
    expected = {1: (offsets[0], detections), 2: (offsets[0], detections), 3: offsets[:1]}
    for index, shape in expected.items():
        if graph.tensors[node.outputs[index]].shape != shape:
            raise ModelError(f"output {index} of {node.operator} must have shape {shape}")
    return offsets[0], detections, 4


def lstm(graph: Graph, node: Node) -> Shape:
    """Return the shape of an output of all cells at each time."""
    x, *weights = (_input(graph, node, index) for index in range(9))
    cells = weights[0][:1]
    states = [_input(graph, node, index) for index in (13, 14)]
    biases = [_input(graph, node, index) for index in range(9, 13)]
    if (
        len(x) != 3
        or weights != 4 * [(*cells, x[-1])] + 4 * [cells * 2]
        or biases != 4 * [cells]
        or states != 2 * [(x[0], *cells)]
    ):
        raise ModelError(f"weights or states of {node.operator} do not fit an input of {x}")
    return *x[:2], *cells


def softmax(graph: Graph, node: Node) -> Shape:
    """Return the input's shape, which must not be empty."""
    shape = _input(graph, node)
    if not shape or 0 in shape:
        raise ModelError(f"{node.operator} of shape {shape}")
    return shape

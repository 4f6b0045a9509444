"""The shape that each operator's output must have, from its inputs' shapes and attributes."""

import math
from collections.abc import Callable

import numpy as np

from weft.errors import ModelError
from weft.graph import BROADCASTING, Graph, Node

__all__ = ["output_shape"]

Shape = tuple[int, ...]


def output_shape(graph: Graph, node: Node) -> Shape:
    """Return the shape of ``node``'s output.

    Raises
    ------
    ModelError
        If the inputs' shapes and the attributes do not fit each other.
    """
    return _RULES.get(node.operator, _same)(graph, node)


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


def _same(graph: Graph, node: Node) -> Shape:
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


def _conv2d(graph: Graph, node: Node) -> Shape:
    image, weights = _image(graph, node), _weights(graph, node, 4)
    groups = node.attributes["groups"]
    if groups < 1 or weights[3] * groups != image[-1] or weights[0] % groups:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels in {groups} groups"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[0]


def _depthwise(graph: Graph, node: Node) -> Shape:
    image, weights = _image(graph, node), _weights(graph, node, 4)
    multiplier = node.attributes["depth_multiplier"]
    if weights[0] != 1 or multiplier < 1 or weights[3] != image[-1] * multiplier:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels, {multiplier} times"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[3]


def _transpose_conv(graph: Graph, node: Node) -> Shape:
    image, weights, given = _image(graph, node), _weights(graph, node, 4), _given(graph, node)
    if weights[3] != image[-1] or len(given) != len(image):
        raise ModelError(f"weights of shape {weights} do not fit {image[-1]} channels")
    # The output's size is an operand; sliding back over it must give the input.
    if _slide(node, given[-3:-1], weights[1:3]) != image[-3:-1]:
        raise ModelError(f"an output of {given[-3:-1]} does not fit an input of {image[-3:-1]}")
    return *image[:-3], given[-3], given[-2], weights[0]


def _fully_connected(graph: Graph, node: Node) -> Shape:
    shape, weights, given = _input(graph, node), _weights(graph, node, 2), _given(graph, node)
    rows = math.prod(shape) // weights[1]
    if rows * weights[1] != math.prod(shape) or not given:
        raise ModelError(f"weights of shape {weights} do not fit an input of shape {shape}")
    if math.prod(given[:-1]) != rows:
        raise ModelError(f"{rows} rows of outputs do not fit shape {given}")
    return *given[:-1], weights[0]


def _pool(graph: Graph, node: Node) -> Shape:
    image, kernel = _image(graph, node), node.attributes["kernel"]
    rows, columns = _slide(node, image[-3:-1], kernel, node.attributes.get("dilation", (1, 1)))
    padding = node.attributes["padding"]
    if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1]:
        raise ModelError(f"padding {padding} must be smaller than the kernel {kernel}")
    return *image[:-3], rows, columns, image[-1]


def _reduction(graph: Graph, node: Node) -> Shape:
    shape, axes = _input(graph, node), node.attributes["axes"]
    if not axes or any(not 1 <= axis < len(shape) for axis in axes) or len({*axes}) < len(axes):
        raise ModelError(f"{node.operator} cannot run over axes {axes} of shape {shape}")
    if 0 in shape:
        raise ModelError(f"{node.operator} of an empty tensor of shape {shape}")
    if node.attributes["keep_dims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _broadcast(graph: Graph, node: Node) -> Shape:
    count = 3 if node.operator == "SELECT" else 2
    if len(node.inputs) != count:
        raise ModelError(f"{node.operator} must have {'three' if count == 3 else 'two'} operands")
    shapes = [_input(graph, node, index) for index in range(count)]
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ModelError(f"operands of shapes {text} do not fit each other") from None


def _function(graph: Graph, node: Node) -> Shape:
    shapes = [graph.tensors[name].shape for name in node.inputs if name is not None]
    try:
        return tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ModelError(f"operands of shapes {text} do not fit each other") from None


def _concatenation(graph: Graph, node: Node) -> Shape:
    shapes = [_input(graph, node, index) for index in range(len(node.inputs))]
    axis, first = node.attributes["axis"], shapes[0]
    if not 1 <= axis < len(first):
        raise ModelError(f"CONCATENATION cannot run along axis {axis} of shape {first}")
    rest = {(*shape[:axis], *shape[axis + 1 :]) for shape in shapes}
    if len(rest) != 1 or any(len(shape) != len(first) for shape in shapes):
        raise ModelError(f"shapes {shapes} cannot be joined along axis {axis}")
    return *first[:axis], sum(shape[axis] for shape in shapes), *first[axis + 1 :]


def _pad(graph: Graph, node: Node) -> Shape:
    shape, paddings = _input(graph, node), node.attributes["paddings"]
    if len(paddings) != len(shape) or any(not 0 <= p <= 1 << 16 for pair in paddings for p in pair):
        raise ModelError(f"paddings {paddings} do not fit shape {shape}")
    if any(paddings[0]):
        raise ModelError("PAD cannot pad the batch")
    return tuple(size + sum(pair) for size, pair in zip(shape, paddings, strict=True))


def _reshape(graph: Graph, node: Node) -> Shape:
    shape, given = _input(graph, node), _given(graph, node)
    if math.prod(shape) != math.prod(given):
        raise ModelError(f"shape {shape} cannot become {given}")
    return given


def _transpose(graph: Graph, node: Node) -> Shape:
    shape, permutation = _input(graph, node), node.attributes["permutation"]
    if sorted(permutation) != list(range(len(shape))):
        raise ModelError(f"permutation {permutation} does not fit shape {shape}")
    return tuple(shape[axis] for axis in permutation)


def _slice(graph: Graph, node: Node) -> Shape:
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


def _gather(graph: Graph, node: Node) -> Shape:
    shape, axis, indices = _input(graph, node), node.attributes["axis"], node.attributes["indices"]
    if not 1 <= axis < len(shape) or not indices:
        raise ModelError(f"GATHER cannot run along axis {axis} of shape {shape}")
    if not all(0 <= index < shape[axis] for index in indices):
        raise ModelError(f"an index of GATHER lies outside of {shape[axis]} values")
    return *shape[:axis], len(indices), *shape[axis + 1 :]


def _resize(graph: Graph, node: Node) -> Shape:
    image, given = _image(graph, node), _given(graph, node)
    if len(given) != len(image):
        raise ModelError(f"an image cannot have shape {given}")
    return *image[:-3], given[-3], given[-2], image[-1]


def _arg_max(graph: Graph, node: Node) -> Shape:
    shape, axis = _input(graph, node), node.attributes["axis"]
    if not 1 <= axis < len(shape) or 0 in shape:
        raise ModelError(f"ARG_MAX cannot run over axis {axis} of shape {shape}")
    return *shape[:axis], *shape[axis + 1 :]


def _svdf(graph: Graph, node: Node) -> Shape:
    x, features, times = (_input(graph, node, index) for index in (0, 1, 2))
    rank, filters = node.attributes["rank"], features[0] if features else 0
    if len(x) != 2 or features[1:] != x[1:] or len(times) != 2 or times[0] != filters:
        raise ModelError(f"weights of shapes {features} and {times} do not fit an input of {x}")
    if rank < 1 or filters % rank or _input(graph, node, 4) != (x[0], filters * times[1]):
        raise ModelError(f"a state of shape {_input(graph, node, 4)} does not fit rank {rank}")
    return x[0], filters // rank


def _softmax(graph: Graph, node: Node) -> Shape:
    shape = _input(graph, node)
    if not shape or 0 in shape:
        raise ModelError(f"{node.operator} of shape {shape}")
    return shape


_RULES: dict[str, Callable[[Graph, Node], Shape]] = {
    "CONV_2D": _conv2d,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transpose_conv,
    "FULLY_CONNECTED": _fully_connected,
    "AVERAGE_POOL_2D": _pool,
    "MAX_POOL_2D": _pool,
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _reduction),
    **dict.fromkeys(BROADCASTING, _broadcast),
    "FUNCTION": _function,
    "CONCATENATION": _concatenation,
    "PAD": _pad,
    "RESHAPE": _reshape,
    "TRANSPOSE": _transpose,
    "SLICE": _slice,
    "GATHER": _gather,
    "RESIZE_NEAREST_NEIGHBOR": _resize,
    "RESIZE_BILINEAR": _resize,
    "ARG_MAX": _arg_max,
    "SOFTMAX": _softmax,
    "LOG_SOFTMAX": _softmax,
    "SVDF": _svdf,
}

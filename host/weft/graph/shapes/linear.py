"""Shapes that convolutions, pools, products of matrices and reductions have."""

import math

import numpy as np

from weft.errors import ModelError
from weft.graph.graph import Graph, Node
from weft.graph.shapes.inputs import Shape, given_shape, image_shape, input_shape

__all__ = [
    "batch_matmul",
    "convolution",
    "depthwise",
    "fully_connected",
    "pool",
    "reduction",
    "transposed",
]


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
    shape = input_shape(graph, node, 1)
    if len(shape) != rank or 0 in shape:
        raise ModelError(f"the weights of {node.operator} cannot have shape {shape}")
    return shape


def convolution(graph: Graph, node: Node) -> Shape:
    """CONV_2D: weights (out, kernel_h, kernel_w, in / groups)."""
    image, weights = image_shape(graph, node), _weights(graph, node, 4)
    groups = node.attributes["groups"]
    if groups < 1 or weights[3] * groups != image[-1] or weights[0] % groups:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels in {groups} groups"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[0]


def depthwise(graph: Graph, node: Node) -> Shape:
    """DEPTHWISE_CONV_2D: weights (1, kernel_h, kernel_w, out)."""
    image, weights = image_shape(graph, node), _weights(graph, node, 4)
    multiplier = node.attributes["depth_multiplier"]
    if weights[0] != 1 or multiplier < 1 or weights[3] != image[-1] * multiplier:
        raise ModelError(
            f"weights of shape {weights} do not fit {image[-1]} channels, {multiplier} times"
        )
    rows, columns = _slide(node, image[-3:-1], weights[1:3], node.attributes["dilation"])
    return *image[:-3], rows, columns, weights[3]


def transposed(graph: Graph, node: Node) -> Shape:
    """TRANSPOSE_CONV: the size that the output has."""
    image, weights, given = (
        image_shape(graph, node),
        _weights(graph, node, 4),
        given_shape(graph, node),
    )
    if weights[3] != image[-1] or len(given) != len(image):
        raise ModelError(f"weights of shape {weights} do not fit {image[-1]} channels")
    # The output's size is an operand; sliding back over it must give the input.
    if _slide(node, given[-3:-1], weights[1:3]) != image[-3:-1]:
        raise ModelError(f"an output of {given[-3:-1]} does not fit an input of {image[-3:-1]}")
    return *image[:-3], given[-3], given[-2], weights[0]


def fully_connected(graph: Graph, node: Node) -> Shape:
    """FULLY_CONNECTED: one row of outputs for each row of inputs."""
    shape, weights, given = (
        input_shape(graph, node),
        _weights(graph, node, 2),
        given_shape(graph, node),
    )
    rows = math.prod(shape) // weights[1]
    if rows * weights[1] != math.prod(shape) or not given:
        raise ModelError(f"weights of shape {weights} do not fit an input of shape {shape}")
    if math.prod(given[:-1]) != rows:
        raise ModelError(f"{rows} rows of outputs do not fit shape {given}")
    return *given[:-1], weights[0]


def batch_matmul(graph: Graph, node: Node) -> Shape:
    """BATCH_MATMUL: rows of the first tensor by columns of the second, three dimensions or more."""
    left, right = input_shape(graph, node), input_shape(graph, node, 1)
    if min(len(left), len(right)) < 3 or left[-1] != right[-2] or 0 in (*left, *right):
        raise ModelError(f"matrices of shapes {left} and {right} do not fit each other")
    try:
        lead = np.broadcast_shapes(left[:-2], right[:-2])
    except ValueError:
        raise ModelError(f"matrices of shapes {left} and {right} do not fit each other") from None
    return *lead, left[-2], right[-1]


def pool(graph: Graph, node: Node) -> Shape:
    """Return the shape of one value for each window and channel."""
    image, kernel = image_shape(graph, node), node.attributes["kernel"]
    rows, columns = _slide(node, image[-3:-1], kernel, node.attributes.get("dilation", (1, 1)))
    padding = node.attributes["padding"]
    if max(padding[:2]) >= kernel[0] or max(padding[2:]) >= kernel[1]:
        raise ModelError(f"padding {padding} must be smaller than the kernel {kernel}")
    return *image[:-3], rows, columns, image[-1]


def reduction(graph: Graph, node: Node) -> Shape:
    """Return the shape without the axes, or with 1 in their place."""
    shape, axes = input_shape(graph, node), node.attributes["axes"]
    if not axes or any(not 1 <= axis < len(shape) for axis in axes) or len({*axes}) < len(axes):
        raise ModelError(f"{node.operator} cannot run over axes {axes} of shape {shape}")
    if 0 in shape:
        raise ModelError(f"{node.operator} of an empty tensor of shape {shape}")
    if node.attributes["keep_dims"]:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)

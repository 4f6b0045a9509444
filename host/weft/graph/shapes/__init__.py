"""The shape that each operator's output must have, from its inputs' shapes and attributes.

Each rule takes a graph and a node, and raises :class:`weft.errors.ModelError` where shapes and
attributes do not fit each other.
"""

from weft.graph.shapes.blocks import detection, lstm, svdf
from weft.graph.shapes.inputs import Shape, same
from weft.graph.shapes.linear import (
    batch_matmul,
    convolution,
    depthwise,
    fully_connected,
    pool,
    reduction,
    transposed,
)
from weft.graph.shapes.moves import (
    arg_max,
    broadcast,
    concatenation,
    gather,
    gather_nd,
    pad,
    reshape,
    resize,
    resize_between,
    slice_,
    softmax,
    transpose,
)

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
    "gather_nd",
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

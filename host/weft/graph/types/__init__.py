"""Types and quantisation that each operator's tensors must have.

Each rule takes a graph, a node and the node's operator, and raises
:class:`weft.errors.ModelError` where a tensor breaks it.
"""

from weft.graph.types.floats import floats, function, real
from weft.graph.types.kernels import (
    detection,
    hard_swish,
    log_softmax,
    lstm,
    normalised,
    softmax,
    svdf,
)
from weft.graph.types.quantised import (
    alike,
    arg_max,
    average,
    dequantize,
    gather_nd,
    int8,
    joined,
    moved,
    quantize,
    select,
    table,
    taken,
    weighted,
)

__all__ = [
    "alike",
    "arg_max",
    "average",
    "dequantize",
    "detection",
    "floats",
    "function",
    "gather_nd",
    "hard_swish",
    "int8",
    "joined",
    "log_softmax",
    "lstm",
    "moved",
    "normalised",
    "quantize",
    "real",
    "select",
    "softmax",
    "svdf",
    "table",
    "taken",
    "weighted",
]

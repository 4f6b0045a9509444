"""Every operator that a graph may hold, in one record each.

All activations are int8 unless said otherwise. How an operator is computed stands in
:mod:`weft.golden.operators.evaluators`, how the accelerator runs it in
:mod:`weft.compiler.lowering.lower`, both by its name here.

A float64 tensor holds real numbers: what a file leaves in float between DequantizeLinear and
QuantizeLinear, a *float island*. Operators whose evaluator has a function of real numbers make them
as well; inputs may then be int8, float32 or float64, weights float32. QUANTIZE rounds them to int8,
DEQUANTIZE to float32. An attribute ``island`` marks an int8 layer which follows the rule of
islands, where no runtime's bits are promised. An attribute ``real`` marks one whose float32
arithmetic is followed bit for bit; of pools and means it names the order of the sums: ``"rows"``,
``"columns"``, ``"lanes"`` or ``"sequence"``.

An attribute ``unsigned`` may come on top: the file's tensors are uint8, whose zero points are 128
higher than the graph's. ONNX Runtime works on ADD, MUL and AVERAGE_POOL_2D in float32, where that
can decide a tie. LiteRT has other kernels for uint8: weights have a zero point, their scale is
multiplied in float32, and averages round ties up.
"""

from dataclasses import replace

import numpy as np

from weft.graph import shapes, types
from weft.graph.graph import Graph, Node
from weft.graph.operator import Operator

__all__ = ["ANYWHERE", "OPERATORS", "computes_floats"]

ANYWHERE = ("island", "unsigned")  # attributes that any operator may have

_MANY = 1 << 30


_CONVOLUTION = Operator(
    attributes=("stride", "dilation", "padding", "groups", "activation"),
    operands=(2, 3),
    shape=shapes.convolution,
    types=types.weighted,
    weighted=True,
    windowed=True,
)
_POOL = Operator(
    attributes=("kernel", "stride", "padding", "activation"),
    shape=shapes.pool,
    types=types.alike,
    windowed=True,
    floats=True,
)
_REDUCTION = Operator(
    attributes=("axes", "keep_dims"), shape=shapes.reduction, types=types.int8, floats=True
)
_BINARY = Operator(operands=(2, 2), shape=shapes.broadcast, types=types.int8, broadcasts=True)
_ARITHMETIC = replace(_BINARY, attributes=("activation",), optional=("real",))
_COMPARISON = replace(_BINARY, types=types.alike)
_TABULATED = Operator(shape=shapes.same, types=types.int8, tabulated=True)
_POSITION = Operator(
    attributes=("axis",), optional=("last",), shape=shapes.arg_max, types=types.arg_max
)
_RESIZE = Operator(
    attributes=("align_corners", "half_pixel_centers"),
    shape=shapes.resize,
    types=types.alike,
    floats=True,
)

OPERATORS: dict[str, Operator] = {
    "CONV_2D": _CONVOLUTION,
    "DEPTHWISE_CONV_2D": replace(
        _CONVOLUTION,
        attributes=("stride", "dilation", "padding", "depth_multiplier", "activation"),
        shape=shapes.depthwise,
        channel_axis=3,
    ),
    # The output's size is that of its tensor.
    "TRANSPOSE_CONV": replace(
        _CONVOLUTION,
        attributes=("stride", "padding", "activation"),
        shape=shapes.transposed,
        windowed=False,
    ),
    # Output (..., out). With ``fixed_point`` it rounds as CONV_2D of uint8: LiteRT's BATCH_MATMUL.
    "FULLY_CONNECTED": replace(
        _CONVOLUTION,
        attributes=("activation",),
        optional=("fixed_point",),
        shape=shapes.fully_connected,
        windowed=False,
    ),
    # Two tensors of matrices, which are repeated as NumPy does; ``fixed_point`` as above.
    "BATCH_MATMUL": Operator(
        optional=("fixed_point",), operands=(2, 2), shape=shapes.batch_matmul, types=types.int8
    ),
    # Padding is not counted.
    "AVERAGE_POOL_2D": replace(_POOL, optional=("real",), types=types.average),
    "MAX_POOL_2D": replace(_POOL, optional=("dilation",)),
    "MEAN": replace(_REDUCTION, optional=("real",), windowed=True),
    "SUM": _REDUCTION,
    "REDUCE_MAX": replace(_REDUCTION, types=types.alike),
    "REDUCE_MIN": replace(_REDUCTION, types=types.alike),
    # Either operand of these may be a constant.
    "ADD": _ARITHMETIC,
    "SUB": _ARITHMETIC,
    "MUL": _ARITHMETIC,
    "SQUARED_DIFFERENCE": _BINARY,
    # A slope for each value, below zero; where they are by channels it is a TABLE.
    "PRELU": _BINARY,
    "MAXIMUM": _COMPARISON,
    "MINIMUM": _COMPARISON,
    # A condition (bool) and two tensors.
    "SELECT": replace(_COMPARISON, operands=(3, 3), types=types.select),
    "CONCATENATION": Operator(
        attributes=("axis", "activation"),
        operands=(1, _MANY),
        shape=shapes.concatenation,
        types=types.joined,
        floats=True,
    ),
    "LOGISTIC": _TABULATED,
    "TANH": _TABULATED,
    "ELU": _TABULATED,
    "HARD_SWISH": replace(_TABULATED, types=types.hard_swish),
    "RELU": _TABULATED,
    "RELU6": _TABULATED,
    "RELU_N1_TO_1": _TABULATED,
    "SILU": _TABULATED,
    "LEAKY_RELU": replace(_TABULATED, attributes=("alpha",)),
    "GELU": replace(_TABULATED, attributes=("approximate",)),
    # 256 int8 values, at the index ``input & 255``, or 256 for each channel.
    "TABLE": replace(_TABULATED, attributes=("table",), types=types.table),
    # Over the last axis.
    "SOFTMAX": Operator(
        attributes=("beta",), shape=shapes.softmax, types=types.softmax, floats=True
    ),
    "L2_NORMALIZATION": Operator(shape=shapes.softmax, types=types.normalised),
    "LOG_SOFTMAX": Operator(shape=shapes.softmax, types=types.log_softmax, floats=True),
    # ``paddings`` are ((before, after), ...); it fills with the zero point, or int8 ``value``.
    "PAD": Operator(
        attributes=("paddings",),
        optional=("value",),
        shape=shapes.pad,
        types=types.alike,
        floats=True,
    ),
    # To the output tensor's shape; the batch stays.
    "RESHAPE": Operator(shape=shapes.reshape, types=types.moved),
    "TRANSPOSE": Operator(attributes=("permutation",), shape=shapes.transpose, types=types.moved),
    # Attributes for each dimension.
    "SLICE": Operator(attributes=("begin", "size"), shape=shapes.slice_, types=types.taken),
    # Values of one dimension, in any order.
    "GATHER": Operator(attributes=("axis", "indices"), shape=shapes.gather, types=types.taken),
    # Parts at positions, input 1 (int32 or int64), of the dimensions behind ``batch_dims``.
    "GATHER_ND": Operator(
        attributes=("batch_dims",), operands=(2, 2), shape=shapes.gather_nd, types=types.gather_nd
    ),
    "RESIZE_NEAREST_NEIGHBOR": _RESIZE,
    "RESIZE_BILINEAR": _RESIZE,
    # What lies between pixels, at float32 positions of rows and columns, as ONNX Runtime has it.
    "RESIZE_BETWEEN": Operator(
        attributes=("rows", "columns"), shape=shapes.resize_between, types=types.int8
    ),
    # Output int32 or int64: the first such index, or the ``last`` one.
    "ARG_MAX": _POSITION,
    "ARG_MIN": _POSITION,
    # Also makes its state, input 4.
    "SVDF": Operator(
        attributes=("rank",), operands=(5, 5), results=2, shape=shapes.svdf, types=types.svdf
    ),
    # Inputs: x, weights of the four gates (input, forget, cell, output) for the input, the same for
    # the output of the time before, four biases, and the states that it also makes: that output and
    # the cell, whose greatest size is ``cell_limit`` if that is not 0.
    "LSTM": Operator(
        attributes=("cell_limit",),
        operands=(15, 15),
        results=3,
        shape=shapes.lstm,
        types=types.lstm,
    ),
    # Offsets of boxes, scores of their classes, anchors: float32, or int8. Makes float32: boxes,
    # classes, scores and how many there are. See ``weft.golden.arithmetic.detection``.
    "DETECTION": Operator(
        attributes=("classes", "detections", "overlap", "per_class", "scales", "score"),
        operands=(3, 3),
        results=4,
        shape=shapes.detection,
        types=types.detection,
    ),
    # ``retyped``: the file's types differ, which XNNPACK leaves to LiteRT's own kernel.
    "QUANTIZE": Operator(optional=("retyped",), shape=shapes.same, types=types.quantize),
    "DEQUANTIZE": Operator(shape=shapes.same, types=types.dequantize),
    # ONNX's name of a function, and its parameters. Of int8 and float32 it makes float32. In a
    # ``.tflite`` file it also makes whole numbers of such, truth values of two that are compared
    # or of others, and by Cast numbers of another type.
    "FUNCTION": Operator(
        attributes=("function",),
        optional=("alpha", "approximate", "beta", "gamma", "max", "min"),
        operands=(1, _MANY),
        shape=shapes.broadcast,
        types=types.function,
        broadcasts=True,
    ),
}


def computes_floats(graph: Graph, node: Node) -> bool:
    """Whether ``node`` lies between DEQUANTIZE and QUANTIZE of a ``.tflite`` file, in float32."""
    made = graph.tensors[node.outputs[0]].dtype
    return OPERATORS[node.operator].floats and made == np.float32 and not graph.in_onnxruntime

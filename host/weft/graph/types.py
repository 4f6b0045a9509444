"""Types and quantisation that each operator's tensors must have.

Each rule takes a graph, a node and the node's operator, and raises
:class:`weft.errors.ModelError` where a tensor breaks it.
"""

import math
from collections.abc import Sequence

import numpy as np

from weft.errors import ModelError
from weft.graph.activations import ACTIVATIONS
from weft.graph.graph import REAL, Graph, Node, Tensor
from weft.graph.operator import Operator
from weft.graph.runtime import Runtime
from weft.graph.tensors import (
    FLOAT32,
    INT8,
    UINT8,
    check_alike,
    check_int8,
    check_real_weights,
    check_weights,
    one_of,
    per_tensor,
    require_int8,
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

_BOOL = np.dtype(np.bool_)
INT16, INT32 = np.dtype(np.int16), np.dtype(np.int32)
_WHOLE = (INT32, np.dtype(np.int64))


def int8(graph: Graph, node: Node, _: Operator) -> None:
    """Check operands and result that are int8, each with a scale of its own."""
    check_int8(graph, node, node.inputs)
    _check_scales(graph, node, node.inputs)


def alike(graph: Graph, node: Node, operator: Operator) -> None:
    """Check values that pass unchanged or are compared: all sides mean the same numbers."""
    int8(graph, node, operator)
    check_alike(graph, node, node.inputs)


def joined(graph: Graph, node: Node, operator: Operator) -> None:
    """Check operands side by side: int8, or whole numbers of one type."""
    if _output(graph, node).dtype not in _WHOLE:
        int8(graph, node, operator)
        return
    for name in node.inputs:
        one_of(graph.tensors[str(name)], (_output(graph, node).dtype,))


def average(graph: Graph, node: Node, operator: Operator) -> None:
    """Check averages: LiteRT's are of the integers themselves, ONNX Runtime's of real numbers."""
    (int8 if graph.in_onnxruntime else alike)(graph, node, operator)


def weighted(graph: Graph, node: Node, operator: Operator) -> None:
    """Check constant weights, with one scale or one an output channel, and the bias."""
    check_int8(graph, node, node.inputs[:1])
    check_weights(graph, node, operator.channel_axis)
    _check_scales(graph, node, node.inputs[:1])


def table(graph: Graph, node: Node, operator: Operator) -> None:
    """Check a table: a value for each int8 number, perhaps of each channel."""
    values, y = node.attributes["table"], graph.tensors[node.outputs[0]]
    sizes = (256, 256 * (1, *y.shape)[-1])
    if len(values) not in sizes or not all(-128 <= value < 128 for value in values):
        raise ModelError("a table must have 256 int8 values, or 256 for each channel")
    int8(graph, node, operator)


def select(graph: Graph, node: Node, _: Operator) -> None:
    """Check a condition (bool) and two tensors that mean the same numbers."""
    one_of(_input(graph, node), (_BOOL,))
    if _output(graph, node).dtype in (FLOAT32, *_WHOLE):
        for name in node.inputs[1:]:
            one_of(graph.tensors[str(name)], (_output(graph, node).dtype,))
        return
    check_int8(graph, node, node.inputs[1:])
    _check_scales(graph, node, node.inputs[1:])
    check_alike(graph, node, node.inputs[1:])


def arg_max(graph: Graph, node: Node, _: Operator) -> None:
    """Check a result that is an index."""
    require_int8(_input(graph, node))
    one_of(_output(graph, node), (np.dtype(np.int32), np.dtype(np.int64)))


def softmax(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows; ONNX Runtime's may be float32."""
    if graph.in_onnxruntime and _output(graph, node).dtype == FLOAT32:
        function(graph, node, operator)
        return
    if not graph.in_onnxruntime and _output(graph, node).dtype == INT16:
        _wide_softmax(graph, node)
        return
    int8(graph, node, operator)
    scale, zero_point = _step(_output(graph, node))
    if not graph.in_onnxruntime and (abs(scale * 256 - 1) > 1e-3 or zero_point != -128):
        raise ModelError("the output of SOFTMAX must have scale 1/256 and zero point -128")


def _wide_softmax(graph: Graph, node: Node) -> None:
    """Check a result of 16 bits, which LiteRT's reference kernel knows."""
    require_int8(_input(graph, node))
    scale, zero_point = _step(_output(graph, node))
    if graph.runtime != Runtime.REFERENCE:
        raise ModelError("XNNPACK's SOFTMAX of int8 to int16 is not supported")
    if abs(scale * 65536 - 1) > 1e-3 or zero_point != -32768:
        raise ModelError("the int16 output of SOFTMAX must have scale 1/65536, zero point -32768")


def log_softmax(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows."""
    int8(graph, node, operator)
    if not graph.in_onnxruntime and _step(_output(graph, node)) != (1 / 16, 127):
        raise ModelError("the output of LOG_SOFTMAX must have scale 1/16 and zero point 127")


def normalised(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows, and that sums fit 31 bits."""
    int8(graph, node, operator)
    if _step(_output(graph, node)) != (1 / 128, 0):
        raise ModelError("the output of L2_NORMALIZATION must have scale 1/128 and zero point 0")
    if _output(graph, node).shape[-1] >= 1 << 14:
        raise ModelError("L2_NORMALIZATION of so many values is not supported")


def hard_swish(graph: Graph, node: Node, operator: Operator) -> None:
    """Check that the result's scale is not much finer than the input's, for LiteRT."""
    int8(graph, node, operator)
    (scale, _), (output, _) = _step(_input(graph, node)), _step(_output(graph, node))
    if not graph.in_onnxruntime and scale / np.float32(128) > output:
        raise ModelError("the output scale of HARD_SWISH is too fine")


def moved(graph: Graph, node: Node, _: Operator) -> None:
    """Check values of any type that are moved."""
    x, y = _input(graph, node), _output(graph, node)
    if x.dtype != y.dtype:
        raise ModelError(f"its input is {x.dtype}, its output {y.dtype}")


def taken(graph: Graph, node: Node, operator: Operator) -> None:
    """Check values of any type that are taken out; int8 ones mean the same numbers."""
    moved(graph, node, operator)
    if _input(graph, node).dtype == INT8:
        check_alike(graph, node, node.inputs)


def gather_nd(graph: Graph, node: Node, operator: Operator) -> None:
    """Check values of any type, and positions that are whole numbers."""
    one_of(graph.tensors[str(node.inputs[1])], _WHOLE)
    moved(graph, node, operator)
    if _input(graph, node).dtype == INT8:
        check_alike(graph, node, node.inputs[:1])


def quantize(graph: Graph, node: Node, _: Operator) -> None:
    """Check a step from float32, int8 or uint8 to int8 or uint8.

    LiteRT's also read int16 and int32, and make int16, or int32 of int16.
    """
    x, y = _input(graph, node), _output(graph, node)
    if graph.in_onnxruntime or not {x.dtype, y.dtype} & {INT16, INT32}:
        one_of(x, (FLOAT32, INT8, UINT8))
        one_of(y, (INT8, UINT8))
    elif x.dtype == INT16:
        one_of(y, (INT8, INT16, INT32))
    elif x.dtype == INT32:
        one_of(y, (INT8, INT16))
    else:
        one_of(x, (FLOAT32, INT8, UINT8))
        one_of(y, (INT16,))
    per_tensor(y)
    if x.dtype == FLOAT32:
        return
    per_tensor(x)
    ratio = float(_step(x)[0]) / float(_step(y)[0])
    if not graph.in_onnxruntime and ratio >= 1 << 30:  # LiteRT shifts by more bits than it has
        raise ModelError(f"its scales differ by a factor of {ratio:.3g}")


def dequantize(graph: Graph, node: Node, _: Operator) -> None:
    """Check a step from int8 or uint8, in LiteRT also int16, to float32."""
    one_of(_input(graph, node), (INT8, UINT8, *(() if graph.in_onnxruntime else (INT16,))))
    one_of(_output(graph, node), (FLOAT32,))
    per_tensor(_input(graph, node))


def svdf(graph: Graph, node: Node, _: Operator) -> None:
    """Check LiteRT's kernel of int8, whose state is int16."""
    x, features, times, bias, state = (
        None if name is None else graph.tensors[name] for name in node.inputs
    )
    if x is None or features is None or times is None or state is None:
        raise ModelError("SVDF must have an input, two kinds of weights and a state")
    for tensor in (x, _output(graph, node), features):
        require_int8(tensor)
    for tensor in (times, state):  # LiteRT has no other kernel
        one_of(tensor, (np.dtype(np.int16),))
        per_tensor(tensor)
    constants = (features, times) if bias is None else (features, times, bias)
    if any(tensor.data is None for tensor in constants):
        raise ModelError("the weights of SVDF must be constant")


def lstm(graph: Graph, node: Node, _: Operator) -> None:
    """Check LiteRT's kernel of int8, whose cell is int16 with a scale that is a power of two."""
    tensors = [graph.tensors[str(name)] for name in node.inputs]
    x, weights, biases, (h, c) = tensors[0], tensors[1:9], tensors[9:13], tensors[13:]
    for tensor in (x, *weights, h, _output(graph, node)):
        require_int8(tensor)
    for tensor in weights:
        if _step(tensor)[1] != 0:
            raise ModelError(f"weights {tensor.name} of {node.operator} have a zero point")
    for tensor in biases:
        one_of(tensor, (np.dtype(np.int32),))
    if any(tensor.data is None for tensor in (*weights, *biases)):
        raise ModelError(f"the weights of {node.operator} must be constant")
    one_of(c, (np.dtype(np.int16),))
    per_tensor(c)
    scale, zero_point = _step(c)
    if scale not in [2.0**-bits for bits in range(9, 16)] or zero_point:
        raise ModelError(f"the cell of {node.operator} cannot have scale {scale}")
    if node.attributes["cell_limit"] >= 1 << 15:
        raise ModelError(f"the cell of {node.operator} cannot be limited so")


def detection(graph: Graph, node: Node, operator: Operator) -> None:
    """Check what a detector's heads say, and what LiteRT's kernel makes of it: float32."""
    function(graph, node, operator)
    if any(graph.tensors[name].dtype != FLOAT32 for name in node.outputs):
        raise ModelError(f"the outputs of {node.operator} must be float32")
    given = node.attributes
    if min(given["detections"], given["classes"]) < 1 or not 0 < given["overlap"] <= 1:
        raise ModelError(f"{node.operator} needs classes, detections and an overlap of 0 to 1")
    if len(given["scales"]) != 4 or not all(math.isfinite(x) and x > 0 for x in given["scales"]):
        raise ModelError(f"the scales of {node.operator} must be four positive numbers")


def real(graph: Graph, node: Node, operator: Operator) -> None:
    """Check a layer of a float island, which reads or makes real numbers."""
    operands = [graph.tensors[name] for name in node.inputs if name is not None]
    for tensor in operands[:1] if operator.weighted else operands:
        one_of(tensor, (INT8, FLOAT32, REAL))
        if tensor.dtype == INT8:
            per_tensor(tensor)
    y = _output(graph, node)
    if node.operator == "QUANTIZE":
        one_of(y, (INT8, UINT8))
        per_tensor(y)
    elif node.operator == "DEQUANTIZE":
        one_of(y, (FLOAT32,))
    elif node.operator not in ("ARG_MAX", "ARG_MIN"):
        one_of(y, (REAL,))
    if operator.weighted:
        check_real_weights(graph, node, operator.channel_axis)


def floats(graph: Graph, node: Node, _: Operator) -> None:
    """Check an operator on float32 alone, of LiteRT's reference kernels where it adds numbers."""
    for name in (*node.inputs, *node.outputs):
        if name is not None:
            one_of(graph.tensors[name], (FLOAT32,))
    if graph.runtime == Runtime.XNNPACK and node.operator in _IN_ORDER:
        raise ModelError(f"XNNPACK's {node.operator} of float32 is not supported")


_IN_ORDER = ("AVERAGE_POOL_2D", "LOG_SOFTMAX", "MEAN", "RESIZE_BILINEAR", "SOFTMAX", "SUM")


def function(graph: Graph, node: Node, _: Operator) -> None:
    """Check a function of quantised tensors, or of float32, that makes float32.

    Outside of ONNX it may also make whole numbers or truth values.
    """
    made, name = _output(graph, node).dtype, node.attributes.get("function")
    if not graph.in_onnxruntime and name == "Cast":
        for tensor in (_input(graph, node), _output(graph, node)):
            one_of(tensor, (FLOAT32, UINT8, _BOOL, *_WHOLE))
        return
    if not graph.in_onnxruntime and made != FLOAT32:
        one_of(_output(graph, node), (_BOOL, *_WHOLE))
        _whole(graph, node)
        return
    for name in node.inputs:
        if name is not None:
            one_of(tensor := graph.tensors[name], (INT8, FLOAT32))
            if tensor.dtype == INT8:
                per_tensor(tensor)
    one_of(_output(graph, node), (FLOAT32,))


def _whole(graph: Graph, node: Node) -> None:
    """Check operands of one type: that of whole numbers, or of what is compared."""
    tensors = [graph.tensors[str(name)] for name in node.inputs]
    made = _output(graph, node).dtype
    compared = made == _BOOL and node.attributes["function"] not in ("And", "Not", "Or")
    allowed = (FLOAT32, INT8, _BOOL, *_WHOLE) if compared else (made,)
    for tensor in tensors:
        one_of(tensor, allowed)
        one_of(tensor, (tensors[0].dtype,))
        if tensor.dtype == INT8 and _step(tensor)[0] >= 1:
            raise ModelError("a comparison of scales of 1 or more, which LiteRT leaves undefined")


def _input(graph: Graph, node: Node) -> Tensor:
    return graph.tensors[str(node.inputs[0])]


def _output(graph: Graph, node: Node) -> Tensor:
    return graph.tensors[node.outputs[0]]


def _step(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point of a tensor that has one of each."""
    quantization = per_tensor(tensor)
    return quantization.scale[0], int(quantization.zero_point[0])


def _check_scales(graph: Graph, node: Node, operands: Sequence[str | None]) -> None:
    """Refuse scales that the runtime refuses, or whose product or quotient float32 cannot hold."""
    activation = node.attributes.get("activation", node.operator)
    _, bound = ACTIVATIONS.get(activation, (0.0, 0.0))
    scale, _ = _step(_output(graph, node))
    # LiteRT computes the bounds in 32 bits; some of its kernels do not notice that they overflow.
    with np.errstate(over="ignore"):
        steps = np.float32(bound if math.isfinite(bound) else 0) / scale
    if not graph.in_onnxruntime and steps >= 1 << 31:
        raise ModelError(f"the output scale of {node.operator} is too fine for {activation}")
    names = (*operands[:1], *node.inputs[1:2])
    tensors = [graph.tensors[name] for name in names if name is not None]
    steps = [t.quantization.scale.astype(np.float64) for t in tensors if t.quantization is not None]
    products = [*steps, steps[0] * steps[-1]]
    largest = max(float((product / np.float64(scale)).max()) for product in products)
    if largest > 1e30:
        raise ModelError(f"its scales differ by a factor of {largest:.3g}")

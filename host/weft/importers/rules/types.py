"""Types and quantisation that each operator's tensors must have."""

import numpy as np

from weft.errors import ModelError
from weft.graph import REAL, Graph, Node, Tensor

__all__ = ["check_types"]

_INT8, _UINT8 = np.dtype(np.int8), np.dtype(np.uint8)
_FLOAT32 = np.dtype(np.float32)
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV")
_ANY_TYPE = ("RESHAPE", "TRANSPOSE", "SLICE", "GATHER")
# Values pass through unchanged or are compared, so all sides must mean the same numbers.
_SAME_QUANTIZATION = (
    "MAX_POOL_2D",
    "PAD",
    "RESIZE_NEAREST_NEIGHBOR",
    "RESIZE_BILINEAR",
    "MAXIMUM",
    "MINIMUM",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "SELECT",
)
_ACTIVATIONS = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")
_LARGEST = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0}


def check_types(graph: Graph, node: Node) -> None:
    """Raise :class:`ModelError` where a tensor of ``node`` has the wrong type or quantisation."""
    first = node.inputs[0] if node.inputs else None
    if first is None:
        raise ModelError(f"{node.operator} has no input")
    x, y = graph.tensors[first], graph.tensors[node.outputs[0]]
    if node.attributes.get("activation", "NONE") not in _ACTIVATIONS:
        raise ModelError(f"activation {node.attributes['activation']} is not supported")
    if graph.computes_reals(node):
        _check_island(graph, node)
        return
    if node.operator == "QUANTIZE":
        _one_of(x, (_FLOAT32, _INT8, _UINT8))
        _one_of(y, (_INT8, _UINT8))
        _per_tensor(y)
        if x.dtype != _FLOAT32:
            _per_tensor(x)
            _check_rescaling(graph, x, y)
        return
    if node.operator == "DEQUANTIZE":
        _one_of(x, (_INT8, _UINT8))
        _one_of(y, (_FLOAT32,))
        _per_tensor(x)
        return
    if node.operator in _ANY_TYPE:
        if x.dtype != y.dtype:
            raise ModelError(f"its input is {x.dtype}, its output {y.dtype}")
        if node.operator in ("SLICE", "GATHER") and x.dtype == _INT8:
            _alike(node, x, y)
        return
    if node.operator == "SVDF":
        _check_svdf(graph, node)
        return
    if node.operator == "TABLE":
        table = node.attributes["table"]
        sizes = (256, 256 * (1, *y.shape)[-1])
        if len(table) not in sizes or not all(-128 <= value < 128 for value in table):
            raise ModelError("a table must have 256 int8 values, or 256 for each channel")
    weighted = node.operator in _WEIGHTED
    operands = node.inputs[:1] if weighted else node.inputs
    if node.operator == "SELECT":
        _one_of(x, (np.dtype(np.bool_),))
        operands = node.inputs[1:]
    for name in operands:
        if name is None:
            raise ModelError(f"an input of {node.operator} is missing")
        _int8(graph.tensors[name])
    if node.operator == "ARG_MAX":
        _one_of(y, (np.dtype(np.int32), np.dtype(np.int64)))
        return
    _int8(y)
    if weighted:
        _check_weights(graph, node)
    _check_runtime(graph, node)
    _check_scales(
        [
            graph.tensors[n]
            for n in (*operands[:1], *node.inputs[1:2], *node.outputs)
            if n is not None
        ]
    )
    same = node.operator in _SAME_QUANTIZATION or (
        # LiteRT averages the integers themselves; ONNX Runtime averages real numbers.
        node.operator == "AVERAGE_POOL_2D" and not graph.in_onnxruntime
    )
    for name in operands if same else ():
        _alike(node, graph.tensors[str(name)], y)


def _check_island(graph: Graph, node: Node) -> None:
    """Check a layer that reads or makes real numbers."""
    operands = [graph.tensors[name] for name in node.inputs if name is not None]
    for tensor in operands[:1] if node.operator in _WEIGHTED else operands:
        _one_of(tensor, (_INT8, _FLOAT32, REAL))
        if tensor.dtype == _INT8:
            _per_tensor(tensor)
    y = graph.tensors[node.outputs[0]]
    if node.operator == "QUANTIZE":
        _one_of(y, (_INT8, _UINT8))
        _per_tensor(y)
    elif node.operator == "DEQUANTIZE":
        _one_of(y, (_FLOAT32,))
    elif node.operator != "ARG_MAX":
        _one_of(y, (REAL,))
    if node.operator in _WEIGHTED:
        _check_real_weights(graph, node)


def _check_real_weights(graph: Graph, node: Node) -> None:
    constants = [graph.tensors[name] for name in node.inputs[1:] if name is not None]
    if not constants or any(tensor.data is None for tensor in constants):
        raise ModelError(f"the weights of {node.operator} must be constant")
    _one_of(constants[0], (_INT8, _FLOAT32, REAL))
    axis = 3 if node.operator == "DEPTHWISE_CONV_2D" else 0
    channels = constants[0].shape[axis]
    if constants[0].quantization is not None:
        _check_channels(constants[0], axis, channels)
    if any(tensor.shape != (channels,) for tensor in constants[1:]):
        raise ModelError(f"the bias must be {channels} numbers")


def _alike(node: Node, x: Tensor, y: Tensor) -> None:
    a, b = x.quantization, y.quantization
    if a is None or b is None:
        same = a is b
    else:
        same = np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
    if not same:
        raise ModelError(f"{node.operator} must have the same quantisation before and after")


def _one_of(tensor: Tensor, dtypes: tuple[np.dtype, ...]) -> None:
    if tensor.dtype not in dtypes:
        names = " or ".join(str(dtype) for dtype in dtypes)
        raise ModelError(f"tensor {tensor.name} must be {names}, not {tensor.dtype}")


def _per_tensor(tensor: Tensor) -> None:
    if tensor.quantization is None:
        raise ModelError(f"tensor {tensor.name} has no scale and zero point")
    if tensor.quantization.scale.size != 1:
        raise ModelError(f"tensor {tensor.name} must have one scale for all its channels")


def _int8(tensor: Tensor) -> None:
    if tensor.dtype == _FLOAT32:
        raise ModelError(f"tensor {tensor.name} is float32; quantise the model to int8 first")
    _one_of(tensor, (_INT8,))
    _per_tensor(tensor)


def _check_runtime(graph: Graph, node: Node) -> None:
    """Refuse what the runtime whose bits are reproduced refuses as well."""
    x, y = graph.tensors[node.inputs[0] or ""], graph.tensors[node.outputs[0]]
    if x.quantization is None or y.quantization is None:
        return
    if graph.in_onnxruntime:
        return
    scale = y.quantization.scale[0]
    activation = node.attributes.get("activation", node.operator)
    # LiteRT computes the bounds in 32 bits; some of its kernels do not notice that they overflow.
    with np.errstate(over="ignore"):
        bound = np.float32(_LARGEST.get(activation, 0)) / scale
    if bound >= 1 << 31:
        raise ModelError(f"the output scale of {node.operator} is too fine for {activation}")
    if node.operator == "SOFTMAX" and (
        abs(scale * 256 - 1) > 1e-3 or y.quantization.zero_point[0] != -128
    ):
        raise ModelError("the output of SOFTMAX must have scale 1/256 and zero point -128")
    if node.operator == "LOG_SOFTMAX" and (scale != 1 / 16 or y.quantization.zero_point[0] != 127):
        raise ModelError("the output of LOG_SOFTMAX must have scale 1/16 and zero point 127")
    if node.operator == "HARD_SWISH" and x.quantization.scale[0] / np.float32(128) > scale:
        raise ModelError("the output scale of HARD_SWISH is too fine")


def _check_rescaling(graph: Graph, x: Tensor, y: Tensor) -> None:
    """Refuse a change of scale for which LiteRT shifts by more bits than it has."""
    if graph.in_onnxruntime or x.quantization is None or y.quantization is None:
        return
    ratio = float(x.quantization.scale[0]) / float(y.quantization.scale[0])
    if ratio >= 1 << 30:
        raise ModelError(f"its scales differ by a factor of {ratio:.3g}")


def _check_scales(tensors: list[Tensor]) -> None:
    """Refuse scales whose product or quotient float32 cannot hold."""
    *operands, output = [
        t.quantization.scale.astype(np.float64) for t in tensors if t.quantization is not None
    ]
    products = [*operands, operands[0] * operands[-1]]
    largest = max(float(np.max(product / output)) for product in products)
    if largest > 1e30:
        raise ModelError(f"its scales differ by a factor of {largest:.3g}")


def _check_svdf(graph: Graph, node: Node) -> None:
    x, features, times, bias, state = (
        None if name is None else graph.tensors[name] for name in node.inputs
    )
    if x is None or features is None or times is None or state is None:
        raise ModelError("SVDF must have an input, two kinds of weights and a state")
    _int8(x)
    _int8(graph.tensors[node.outputs[0]])
    _int8(features)
    for tensor in (times, state):  # LiteRT has no other kernel
        _one_of(tensor, (np.dtype(np.int16),))
        _per_tensor(tensor)
    constants = (features, times) if bias is None else (features, times, bias)
    if any(tensor.data is None for tensor in constants):
        raise ModelError("the weights of SVDF must be constant")


def _check_weights(graph: Graph, node: Node) -> None:
    name = node.inputs[1] if len(node.inputs) > 1 else None
    if name is None:
        raise ModelError(f"{node.operator} has no weights")
    weights = graph.tensors[name]
    if weights.data is None:
        raise ModelError(f"the weights of {node.operator} must be constant")
    _one_of(weights, (_INT8,))
    quantization = weights.quantization
    if quantization is None:
        raise ModelError(f"weights {weights.name} have no scale")
    # ONNX Runtime's kernels and LiteRT's of uint8 subtract it; LiteRT's of int8 leave it out.
    subtracted = graph.in_onnxruntime or node.attributes.get("unsigned", False)
    if not subtracted and np.any(quantization.zero_point != 0):
        raise ModelError(f"weights {weights.name} must be symmetric (zero point 0)")
    axis = 3 if node.operator == "DEPTHWISE_CONV_2D" else 0
    channels = weights.shape[axis] if axis < len(weights.shape) else 0
    _check_channels(weights, axis, channels)
    bias = graph.tensors[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else None
    if bias is not None and (
        bias.data is None
        or bias.shape != (channels,)
        or not (bias.dtype == np.int32 or (bias.dtype == _FLOAT32 and graph.in_onnxruntime))
    ):
        raise ModelError(
            f"bias {bias.name} must be {channels} constant int32, not {bias.dtype} "
            f"of shape {bias.shape}"
        )


def _check_channels(weights: Tensor, axis: int, channels: int) -> None:
    quantization = weights.quantization
    if quantization is not None and (
        quantization.scale.size not in (1, channels)
        or (quantization.scale.size > 1 and quantization.axis != axis)
    ):
        raise ModelError(f"weights {weights.name} must have one scale, or one an output channel")

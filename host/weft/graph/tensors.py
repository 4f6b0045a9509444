"""Checks of tensors, of which the rules of :mod:`weft.graph.types` consist.

Each raises :class:`weft.errors.ModelError`.
"""

from collections.abc import Sequence

import numpy as np

from weft.errors import ModelError
from weft.graph.graph import REAL, Graph, Node, Quantization, Tensor

__all__ = [
    "BOOL",
    "FLOAT32",
    "INT8",
    "INT16",
    "INT32",
    "UINT8",
    "WHOLE",
    "check_alike",
    "check_int8",
    "check_real_weights",
    "check_weights",
    "input_of",
    "one_of",
    "output_of",
    "per_tensor",
    "require_int8",
    "step_of",
]

INT8, UINT8 = np.dtype(np.int8), np.dtype(np.uint8)
INT16, INT32 = np.dtype(np.int16), np.dtype(np.int32)
WHOLE = (INT32, np.dtype(np.int64))
FLOAT32, BOOL = np.dtype(np.float32), np.dtype(np.bool_)


def input_of(graph: Graph, node: Node) -> Tensor:
    """Return a node's first input."""
    return graph.tensors[str(node.inputs[0])]


def output_of(graph: Graph, node: Node) -> Tensor:
    """Return a node's first output."""
    return graph.tensors[node.outputs[0]]


def step_of(tensor: Tensor) -> tuple[np.float32, int]:
    """Return scale and zero point of a tensor that has one of each."""
    quantization = per_tensor(tensor)
    return quantization.scale[0], int(quantization.zero_point[0])


def one_of(tensor: Tensor, dtypes: tuple[np.dtype, ...]) -> None:
    """Check the type of a tensor."""
    if tensor.dtype not in dtypes:
        names = " or ".join(str(dtype) for dtype in dtypes)
        raise ModelError(f"tensor {tensor.name} must be {names}, not {tensor.dtype}")


def per_tensor(tensor: Tensor) -> Quantization:
    """Return the quantisation of a tensor that has one scale."""
    if tensor.quantization is None:
        raise ModelError(f"tensor {tensor.name} has no scale and zero point")
    if tensor.quantization.scale.size != 1:
        raise ModelError(f"tensor {tensor.name} must have one scale for all its channels")
    return tensor.quantization


def require_int8(tensor: Tensor) -> None:
    """Check that a tensor is int8 with one scale."""
    if tensor.dtype == FLOAT32:
        raise ModelError(f"tensor {tensor.name} is float32; quantise the model to int8 first")
    one_of(tensor, (INT8,))
    per_tensor(tensor)


def check_int8(graph: Graph, node: Node, operands: Sequence[str | None]) -> None:
    """Check that ``operands`` and the result of ``node`` are int8 with one scale each."""
    for name in operands:
        if name is None:
            raise ModelError(f"an input of {node.operator} is missing")
        require_int8(graph.tensors[name])
    require_int8(graph.tensors[node.outputs[0]])


def check_alike(graph: Graph, node: Node, operands: Sequence[str | None]) -> None:
    """Check that ``operands`` and the result mean the same numbers."""
    b = graph.tensors[node.outputs[0]].quantization
    for a in (graph.tensors[str(name)].quantization for name in operands):
        if a is None or b is None:
            same = a is b
        else:
            same = np.array_equal(a.scale, b.scale) and np.array_equal(a.zero_point, b.zero_point)
        if not same:
            raise ModelError(f"{node.operator} must have the same quantisation before and after")


def check_weights(graph: Graph, node: Node, axis: int) -> None:
    """Check constant weights, whose dimension ``axis`` counts output channels, and the bias."""
    name = node.inputs[1] if len(node.inputs) > 1 else None
    if name is None:
        raise ModelError(f"{node.operator} has no weights")
    weights = graph.tensors[name]
    if weights.data is None:
        raise ModelError(f"the weights of {node.operator} must be constant")
    one_of(weights, (INT8,))
    quantization = weights.quantization
    if quantization is None:
        raise ModelError(f"weights {weights.name} have no scale")
    # ONNX Runtime's kernels and LiteRT's of uint8 subtract it; LiteRT's of int8 leave it out.
    subtracted = graph.in_onnxruntime or node.attributes.get("unsigned", False)
    if not subtracted and np.any(quantization.zero_point != 0):
        raise ModelError(f"weights {weights.name} must be symmetric (zero point 0)")
    channels = weights.shape[axis] if axis < len(weights.shape) else 0
    _check_channels(weights, axis, channels)
    bias = graph.tensors[node.inputs[2]] if len(node.inputs) > 2 and node.inputs[2] else None
    if bias is not None and (
        bias.data is None
        or bias.shape != (channels,)
        or not (bias.dtype == np.int32 or (bias.dtype == FLOAT32 and graph.in_onnxruntime))
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


def check_real_weights(graph: Graph, node: Node, axis: int) -> None:
    """Check the weights and the bias of a layer in a float island."""
    constants = [graph.tensors[name] for name in node.inputs[1:] if name is not None]
    if not constants or any(tensor.data is None for tensor in constants):
        raise ModelError(f"the weights of {node.operator} must be constant")
    one_of(constants[0], (INT8, FLOAT32, REAL))
    channels = constants[0].shape[axis]
    if constants[0].quantization is not None:
        _check_channels(constants[0], axis, channels)
    if any(tensor.shape != (channels,) for tensor in constants[1:]):
        raise ModelError(f"the bias must be {channels} numbers")

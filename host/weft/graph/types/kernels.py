"""Types of operators for which LiteRT has one kernel of fixed scales, or of wider numbers."""

import math

import numpy as np

from weft.errors import ModelError
from weft.graph.graph import Graph, Node
from weft.graph.operator import Operator
from weft.graph.runtime import Runtime
from weft.graph.tensors import (
    FLOAT32,
    INT16,
    input_of,
    one_of,
    output_of,
    per_tensor,
    require_int8,
    step_of,
)
from weft.graph.types.floats import function
from weft.graph.types.quantised import int8

__all__ = ["detection", "hard_swish", "log_softmax", "lstm", "normalised", "softmax", "svdf"]


def softmax(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows; ONNX Runtime's may be float32."""
    if graph.in_onnxruntime and output_of(graph, node).dtype == FLOAT32:
        function(graph, node, operator)
        return
    if not graph.in_onnxruntime and output_of(graph, node).dtype == INT16:
        _wide_softmax(graph, node)
        return
    int8(graph, node, operator)
    scale, zero_point = step_of(output_of(graph, node))
    if not graph.in_onnxruntime and (abs(scale * 256 - 1) > 1e-3 or zero_point != -128):
        raise ModelError("the output of SOFTMAX must have scale 1/256 and zero point -128")


def _wide_softmax(graph: Graph, node: Node) -> None:
    """Check a result of 16 bits, which LiteRT's reference kernel knows."""
    require_int8(input_of(graph, node))
    scale, zero_point = step_of(output_of(graph, node))
    if graph.runtime != Runtime.REFERENCE:
        raise ModelError("XNNPACK's SOFTMAX of int8 to int16 is not supported")
    if abs(scale * 65536 - 1) > 1e-3 or zero_point != -32768:
        raise ModelError("the int16 output of SOFTMAX must have scale 1/65536, zero point -32768")


def log_softmax(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows."""
    int8(graph, node, operator)
    if not graph.in_onnxruntime and step_of(output_of(graph, node)) != (1 / 16, 127):
        raise ModelError("the output of LOG_SOFTMAX must have scale 1/16 and zero point 127")


def normalised(graph: Graph, node: Node, operator: Operator) -> None:
    """Check the one quantisation of the result that LiteRT knows, and that sums fit 31 bits."""
    int8(graph, node, operator)
    if step_of(output_of(graph, node)) != (1 / 128, 0):
        raise ModelError("the output of L2_NORMALIZATION must have scale 1/128 and zero point 0")
    if output_of(graph, node).shape[-1] >= 1 << 14:
        raise ModelError("L2_NORMALIZATION of so many values is not supported")


def hard_swish(graph: Graph, node: Node, operator: Operator) -> None:
    """Check that the result's scale is not much finer than the input's, for LiteRT."""
    int8(graph, node, operator)
    (scale, _), (output, _) = step_of(input_of(graph, node)), step_of(output_of(graph, node))
    if not graph.in_onnxruntime and scale / np.float32(128) > output:
        raise ModelError("the output scale of HARD_SWISH is too fine")


def svdf(graph: Graph, node: Node, _: Operator) -> None:
    """Check LiteRT's kernel of int8, whose state is int16."""
    x, features, times, bias, state = (
        None if name is None else graph.tensors[name] for name in node.inputs
    )
    if x is None or features is None or times is None or state is None:
        raise ModelError("SVDF must have an input, two kinds of weights and a state")
    for tensor in (x, output_of(graph, node), features):
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
    for tensor in (x, *weights, h, output_of(graph, node)):
        require_int8(tensor)
    for tensor in weights:
        if step_of(tensor)[1] != 0:
            raise ModelError(f"weights {tensor.name} of {node.operator} have a zero point")
    for tensor in biases:
        one_of(tensor, (np.dtype(np.int32),))
    if any(tensor.data is None for tensor in (*weights, *biases)):
        raise ModelError(f"the weights of {node.operator} must be constant")
    one_of(c, (np.dtype(np.int16),))
    per_tensor(c)
    scale, zero_point = step_of(c)
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

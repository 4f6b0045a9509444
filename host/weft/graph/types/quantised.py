"""Types and quantisation of operators on int8 tensors, and of those that move or convert values."""

import math
from collections.abc import Sequence

import numpy as np

from weft.errors import ModelError
from weft.graph.activations import ACTIVATIONS
from weft.graph.graph import Graph, Node
from weft.graph.operator import Operator
from weft.graph.tensors import (
    BOOL,
    FLOAT32,
    INT8,
    INT16,
    INT32,
    UINT8,
    WHOLE,
    check_alike,
    check_int8,
    check_weights,
    input_of,
    one_of,
    output_of,
    per_tensor,
    require_int8,
    step_of,
)

__all__ = [
    "alike",
    "arg_max",
    "average",
    "dequantize",
    "gather_nd",
    "int8",
    "joined",
    "moved",
    "quantize",
    "select",
    "table",
    "taken",
    "weighted",
]


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
    if output_of(graph, node).dtype not in WHOLE:
        int8(graph, node, operator)
        return
    for name in node.inputs:
        one_of(graph.tensors[str(name)], (output_of(graph, node).dtype,))


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
    one_of(input_of(graph, node), (BOOL,))
    if output_of(graph, node).dtype in (FLOAT32, *WHOLE):
        for name in node.inputs[1:]:
            one_of(graph.tensors[str(name)], (output_of(graph, node).dtype,))
        return
    check_int8(graph, node, node.inputs[1:])
    _check_scales(graph, node, node.inputs[1:])
    check_alike(graph, node, node.inputs[1:])


def arg_max(graph: Graph, node: Node, _: Operator) -> None:
    """Check a result that is an index."""
    require_int8(input_of(graph, node))
    one_of(output_of(graph, node), (np.dtype(np.int32), np.dtype(np.int64)))


def moved(graph: Graph, node: Node, _: Operator) -> None:
    """Check values of any type that are moved."""
    x, y = input_of(graph, node), output_of(graph, node)
    if x.dtype != y.dtype:
        raise ModelError(f"its input is {x.dtype}, its output {y.dtype}")


def taken(graph: Graph, node: Node, operator: Operator) -> None:
    """Check values of any type that are taken out; int8 ones mean the same numbers."""
    moved(graph, node, operator)
    if input_of(graph, node).dtype == INT8:
        check_alike(graph, node, node.inputs)


def gather_nd(graph: Graph, node: Node, operator: Operator) -> None:
    """Check values of any type, and positions that are whole numbers."""
    one_of(graph.tensors[str(node.inputs[1])], WHOLE)
    moved(graph, node, operator)
    if input_of(graph, node).dtype == INT8:
        check_alike(graph, node, node.inputs[:1])


def quantize(graph: Graph, node: Node, _: Operator) -> None:
    """Check a step from float32, int8 or uint8 to int8 or uint8.

    LiteRT's also read int16 and int32, and make int16, or int32 of int16.
    """
    x, y = input_of(graph, node), output_of(graph, node)
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
    ratio = float(step_of(x)[0]) / float(step_of(y)[0])
    if not graph.in_onnxruntime and ratio >= 1 << 30:  # LiteRT shifts by more bits than it has
        raise ModelError(f"its scales differ by a factor of {ratio:.3g}")


def dequantize(graph: Graph, node: Node, _: Operator) -> None:
    """Check a step from int8 or uint8, in LiteRT also int16, to float32."""
    one_of(input_of(graph, node), (INT8, UINT8, *(() if graph.in_onnxruntime else (INT16,))))
    one_of(output_of(graph, node), (FLOAT32,))
    per_tensor(input_of(graph, node))


def _check_scales(graph: Graph, node: Node, operands: Sequence[str | None]) -> None:
    """Refuse scales that the runtime refuses, or whose product or quotient float32 cannot hold."""
    activation = node.attributes.get("activation", node.operator)
    _, bound = ACTIVATIONS.get(activation, (0.0, 0.0))
    scale, _ = step_of(output_of(graph, node))
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

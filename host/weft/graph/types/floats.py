"""Types of operators on real numbers, float32, whole numbers and truth values."""

from weft.errors import ModelError
from weft.graph.graph import REAL, Graph, Node
from weft.graph.operator import Operator
from weft.graph.runtime import Runtime
from weft.graph.tensors import (
    BOOL,
    FLOAT32,
    INT8,
    UINT8,
    WHOLE,
    check_real_weights,
    input_of,
    one_of,
    output_of,
    per_tensor,
    step_of,
)

__all__ = ["floats", "function", "real"]


def real(graph: Graph, node: Node, operator: Operator) -> None:
    """Check a layer of a float island, which reads or makes real numbers."""
    operands = [graph.tensors[name] for name in node.inputs if name is not None]
    for tensor in operands[:1] if operator.weighted else operands:
        one_of(tensor, (INT8, FLOAT32, REAL))
        if tensor.dtype == INT8:
            per_tensor(tensor)
    y = output_of(graph, node)
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
    made, name = output_of(graph, node).dtype, node.attributes.get("function")
    if not graph.in_onnxruntime and name == "Cast":
        for tensor in (input_of(graph, node), output_of(graph, node)):
            one_of(tensor, (FLOAT32, UINT8, BOOL, *WHOLE))
        return
    if not graph.in_onnxruntime and made != FLOAT32:
        one_of(output_of(graph, node), (BOOL, *WHOLE))
        _whole(graph, node)
        return
    for name in node.inputs:
        if name is not None:
            one_of(tensor := graph.tensors[name], (INT8, FLOAT32))
            if tensor.dtype == INT8:
                per_tensor(tensor)
    one_of(output_of(graph, node), (FLOAT32,))


def _whole(graph: Graph, node: Node) -> None:
    """Check operands of one type: that of whole numbers, or of what is compared."""
    tensors = [graph.tensors[str(name)] for name in node.inputs]
    made = output_of(graph, node).dtype
    compared = made == BOOL and node.attributes["function"] not in ("And", "Not", "Or")
    allowed = (FLOAT32, INT8, BOOL, *WHOLE) if compared else (made,)
    for tensor in tensors:
        one_of(tensor, allowed)
        one_of(tensor, (tensors[0].dtype,))
        if tensor.dtype == INT8 and step_of(tensor)[0] >= 1:
            raise ModelError("a comparison of scales of 1 or more, which LiteRT leaves undefined")

"""int8 as uint8, as ONNX Runtime's default session on x86-64 computes it.

Before it looks for groups that have an integer kernel, that session turns the int8 of a
QuantizeLinear into uint8, with a zero point 128 higher. It does so where one DequantizeLinear reads
the values, for one reader; each reader of a DequantizeLinear has a copy of it by then. Elsewhere
int8 stays, and a group with both is left in float.
"""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

__all__ = ["as_unsigned"]

# Nodes that the runtime takes out first; their readers read from what is before.
_TAKEN_OUT = ("Identity", "Dropout")


def as_unsigned(graph: Any, unread: Container[str]) -> None:
    """Rewrite the nodes of an ONNX ``graph``; weights and other constants stay what they are.

    ``unread`` are the outputs of nodes that do not count as readers.
    """
    from onnx import TensorProto, numpy_helper

    types = {value.name: value.type.tensor_type for value in graph.value_info}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    fixed = _fixed(graph, constants)
    readers = _Readers(graph, unread)
    for node in graph.node:
        if node.op_type != "QuantizeLinear" or len(node.input) < 3 or node.input[0] in fixed:
            continue
        behind = readers.nodes.get(node.output[0], [])
        if readers.slots(node.output[0]) != 1 or len(behind) != 1:
            continue
        [other] = behind
        if other.op_type != "DequantizeLinear":
            continue
        zeros = [_zero_point(x, constants) for x in (node, other)]
        if zeros[0] is None or zeros[0] != zeros[1] or readers.count(other.output[0]) != 1:
            continue
        name = f"{node.output[0]}/uint8"
        graph.initializer.append(numpy_helper.from_array(np.array(zeros[0] + 128, np.uint8), name))
        node.input[2] = name
        if node.output[0] in types:
            types[node.output[0]].elem_type = TensorProto.UINT8
        del other.input[2:]
        other.input.append(name)


def _fixed(graph: Any, constants: Mapping[str, Any]) -> set[str]:
    """Return the names of tensors that depend on no input."""
    fixed = set(constants)
    for node in graph.node:
        if node.input and all(not name or name in fixed for name in node.input):
            fixed.update(node.output)
    return fixed


def _zero_point(node: Any, constants: Mapping[str, Any]) -> int | None:
    """Return the zero point of a node if it is one number of int8; without one it is 0."""
    from onnx import TensorProto, numpy_helper

    if len(node.input) < 3 or not node.input[2]:
        return 0
    tensor = constants.get(node.input[2])
    if tensor is None or tensor.data_type != TensorProto.INT8:
        return None
    data = numpy_helper.to_array(tensor)
    return int(data.reshape(-1)[0]) if data.size == 1 else None


class _Readers:
    """Who reads each tensor of a graph."""

    def __init__(self, graph: Any, unread: Container[str]):
        self.nodes: dict[str, list[Any]] = {}
        self._outputs = {value.name for value in graph.output}
        for node in graph.node:
            if node.output and node.output[0] not in unread:
                for name in node.input:
                    self.nodes.setdefault(name, []).append(node)

    def slots(self, name: str) -> int:
        """Return how many operands, and outputs of the graph, tensor ``name`` is."""
        return len(self.nodes.get(name, ())) + (name in self._outputs)

    def count(self, name: str) -> int:
        """Return the same once the runtime has taken out what does nothing."""
        total = int(name in self._outputs)
        for node in self.nodes.get(name, ()):
            inner = node.op_type in _TAKEN_OUT and node.output[0] not in self._outputs
            # One that nothing reads is still there.
            total += max(self.count(node.output[0]), 1) if inner else 1
        return total

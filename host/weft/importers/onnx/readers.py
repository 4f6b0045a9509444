"""Who reads what a node makes, as ONNX Runtime asks before it replaces the node."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

__all__ = ["Readers"]

# The runtime brings a QuantizeLinear from behind these in front of them.
_PASSED = ("MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_CLAMPS = ("Clip", "Relu")  # it asks what stands behind them, and leaves them where they do clamp


class Readers:
    """The readers of each tensor of a graph.

    Parameters
    ----------
    nodes : iterable of NodeProto
    outputs : iterable of str
        Names of the graph's outputs, each of which counts as a reader.
    """

    def __init__(self, nodes: Iterable[Any], outputs: Iterable[str]):
        self._nodes: defaultdict[str, list[Any]] = defaultdict(list)
        self._outputs = Counter(outputs)
        for node in nodes:
            for name in node.input:
                self._nodes[name].append(node)

    def count(self, name: str) -> int:
        """Return how often nodes and outputs read a tensor."""
        return len(self._nodes[name]) + self._outputs[name]

    def are_floats(self, name: str, *, reshaped: bool = False) -> bool:
        """Whether the runtime sees readers of real numbers only behind the node that makes them.

        Neither a QuantizeLinear nor a single Relu or Clip is among them. ``reshaped`` says that
        the runtime puts a Reshape between, which then is the only reader.
        """
        if reshaped:
            return not self._is_quantised(name)
        nodes = self._nodes[name]
        if any(node.op_type == "QuantizeLinear" for node in nodes):
            return False
        if self.count(name) > 1 or not nodes:
            return True
        [node] = nodes
        if node.op_type in _CLAMPS:
            return False
        return node.op_type not in _PASSED or not self._is_quantised(node.output[0])

    def _is_quantised(self, name: str) -> bool:
        """Whether a QuantizeLinear is the only reader, behind what it is brought past or not."""
        if self.count(name) != 1 or not self._nodes[name]:
            return False
        [node] = self._nodes[name]
        if node.op_type in _PASSED:
            return self._is_quantised(node.output[0])
        return node.op_type == "QuantizeLinear"

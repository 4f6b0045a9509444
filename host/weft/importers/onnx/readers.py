"""Who reads what a node makes, as ONNX Runtime asks before it replaces the node."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from typing import Any

__all__ = ["Readers"]

# The runtime brings a QuantizeLinear from behind these in front of them.
_PASSED = ("MaxPool", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
_CLAMPS = ("Clip", "Relu")  # it asks what stands behind them, and leaves them where they do clamp


_COPIES = ("Cast", "Dropout", "Identity")  # taken out; of float32 there are no other Casts


class Readers:
    """The readers of each tensor of a graph, as they are once the runtime has simplified it.

    Parameters
    ----------
    nodes : iterable of NodeProto
        All of the file: nodes on which no output depends are readers as well.
    outputs : iterable of str
        Names of the graph's outputs, each of which counts as a reader.
    unread : container of str
        Outputs of nodes that do not count, such as a Shape that becomes a constant.
    """

    def __init__(self, nodes: Iterable[Any], outputs: Iterable[str], unread: Container[str]):
        self._nodes: defaultdict[str, list[Any]] = defaultdict(list)
        self._outputs, self._unread = Counter(outputs), unread
        for node in nodes:
            for name in node.input:
                self._nodes[name].append(node)

    def nodes(self, name: str) -> list[Any]:
        """Return the nodes that read a tensor; one that reads it twice is there twice."""
        found, waiting, passed = [], list(self._nodes[name]), set()
        while waiting:
            node = waiting.pop(0)
            if node.output[0] in self._unread:
                continue
            copy = node.output[0] if node.op_type in _COPIES else ""
            if not copy or self._outputs[copy]:
                found.append(node)
            elif copy not in passed:
                passed.add(copy)
                waiting += self._nodes[copy]
        return found

    def count(self, name: str) -> int:
        """Return how often nodes and outputs read a tensor."""
        return len(self.nodes(name)) + self._outputs[name]

    def are_floats(self, name: str, *, reshaped: bool = False) -> bool:
        """Whether the runtime sees readers of real numbers only behind the node that makes them.

        Neither a QuantizeLinear is among them, nor a Relu or Clip that is the only reader and has
        one itself. ``reshaped`` says that the runtime puts a Reshape between, which then is the
        only reader.
        """
        if reshaped:
            return not self._is_quantised(name)
        nodes = self.nodes(name)
        if any(node.op_type == "QuantizeLinear" for node in nodes):
            return False
        if self.count(name) > 1 or not nodes:
            return True
        [node] = nodes
        if node.op_type in _CLAMPS:
            behind = node.output[0]
            return self.count(behind) != 1 or bool(self._outputs[behind])
        return node.op_type not in _PASSED or not self._is_quantised(node.output[0])

    def _is_quantised(self, name: str) -> bool:
        """Whether a QuantizeLinear is the only reader, behind what it is brought past or not."""
        nodes = self.nodes(name)
        if self.count(name) != 1 or not nodes:
            return False
        [node] = nodes
        if node.op_type in _PASSED:
            return self._is_quantised(node.output[0])
        return node.op_type == "QuantizeLinear"

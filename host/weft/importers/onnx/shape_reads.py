"""Which readings of a tensor's shape ONNX Runtime takes out before it looks for groups.

A Shape whose dimensions are all known becomes a constant. One whose numbers only go into the target
of a Reshape goes where the runtime can write that target down: with 0 for a dimension that stays,
and -1 for one other that it does not know.
"""

from collections.abc import Container
from typing import Any

import numpy as np

from weft.importers.onnx.prepare import dimensions_of

__all__ = ["unread_shapes"]

_SHAPES = ("Shape", "Size")
_SAME = ("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze")  # of a constant: its numbers stay


def unread_shapes(model: Any, open_names: Container[str]) -> frozenset[str]:
    """Return the outputs of the Shape and Size nodes that do not count as readers.

    ``open_names`` are the tensors of which the file leaves a dimension open.
    """
    nodes = [node for node in model.graph.node if node.op_type in _SHAPES and node.input]
    closed = {node.output[0] for node in nodes if node.input[0] not in open_names}
    if len(closed) == len(nodes):
        return frozenset(closed)
    targets = _Targets(model)
    return frozenset(closed.union(x.output[0] for x in nodes if targets.take_out(x)))


class _Targets:
    """The targets of the Reshapes of a model."""

    def __init__(self, model: Any):
        graph = model.graph
        self._makers = {name: node for node in graph.node for name in node.output}
        self._readers: dict[str, list[Any]] = {}
        for node in graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._outputs = {value.name for value in graph.output}
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._dims = dimensions_of(model)

    def take_out(self, node: Any) -> bool:
        """Whether nothing reads ``node`` once the runtime has written targets down."""
        waiting, found = [node], True
        seen: set[str] = set()
        while waiting and found:
            node = waiting.pop()
            name = node.output[0]
            readers = self._readers.get(name, ())
            if name in self._outputs or not readers:
                return False
            for reader in readers:
                if reader.op_type == "Reshape" and reader.input[1:2] == [name]:
                    found = found and self._is_known(reader, node)
                elif reader.output and reader.output[0] not in seen:
                    seen.add(reader.output[0])
                    waiting.append(reader)
        return found

    def _is_known(self, reshape: Any, concat: Any) -> bool:
        """Whether the runtime can write down the target that ``concat`` makes."""
        if concat.op_type != "Concat":
            return False
        target: list[int] = []
        for name in concat.input:
            numbers = self._numbers(name)
            if numbers is not None:
                target += numbers
            elif self._stays(name, reshape.input[0], len(target)):
                target.append(0)
            elif self._dims.get(name) == (1,):
                target.append(-1)
            else:
                return False
        return target.count(-1) <= 1

    def _numbers(self, name: str) -> list[int] | None:
        """Return the numbers of a constant; None of what is none."""
        from onnx import numpy_helper

        while name not in self._constants:
            node = self._makers.get(name)
            if node is None:
                return None
            if node.op_type == "Constant":
                values = {x.name: x for x in node.attribute}
                if "value" in values:
                    return np.ravel(numpy_helper.to_array(values["value"].t)).tolist()
                if "value_int" in values:
                    return [values["value_int"].i]
                return list(values["value_ints"].ints) if "value_ints" in values else None
            if node.op_type not in _SAME:
                return None
            name = node.input[0]
        return np.ravel(numpy_helper.to_array(self._constants[name])).tolist()

    def _stays(self, name: str, source: str, place: int) -> bool:
        """Whether ``name`` is dimension ``place`` of what has the one of ``source`` there."""
        unsqueeze = self._makers.get(name)
        gather = self._makers.get(unsqueeze.input[0]) if unsqueeze else None
        shape = self._makers.get(gather.input[0]) if gather else None
        if unsqueeze is None or gather is None or shape is None:
            return False
        kinds = (unsqueeze.op_type, gather.op_type, shape.op_type)
        if kinds != ("Unsqueeze", "Gather", "Shape") or self._numbers(gather.input[1]) != [place]:
            return False
        sizes = [self._dims.get(x, ())[place : place + 1] for x in (shape.input[0], source)]
        return not all(sizes) or sizes[0] == sizes[1]

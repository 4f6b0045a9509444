"""A node with its tensors at hand: what every operator's function is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.graph import Graph, Node, Runtime, Tensor

__all__ = ["Context", "float32_value"]


@dataclass(frozen=True, eq=False)
class Context:
    """One node of ``graph`` and the values of the tensors computed so far."""

    graph: Graph
    node: Node
    values: Mapping[str, NDArray[Any]]

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes of the node."""
        return self.node.attributes

    def tensor(self, index: int) -> Tensor:
        """Input tensor ``index``."""
        name = self.node.inputs[index]
        if name is None:
            raise ModelError(f"{self.node.name}: input {index} of {self.node.operator} is missing")
        return self.graph.tensors[name]

    def has(self, index: int) -> bool:
        """Whether the node has an input ``index``."""
        return index < len(self.node.inputs) and self.node.inputs[index] is not None

    def value(self, index: int) -> NDArray[Any]:
        """Value of input ``index``, constant or computed."""
        tensor = self.tensor(index)
        return tensor.data if tensor.data is not None else self.values[tensor.name]

    @property
    def output(self) -> Tensor:
        """The first output tensor."""
        return self.graph.tensors[self.node.outputs[0]]

    def scale(self, index: int) -> np.float32:
        """Per-tensor scale of input ``index``."""
        return _scale(self.node, self.tensor(index))

    def zero_point(self, index: int) -> int:
        """Per-tensor zero point of input ``index``."""
        return _zero_point(self.node, self.tensor(index))

    @property
    def output_scale(self) -> np.float32:
        """Per-tensor scale of the output."""
        return _scale(self.node, self.output)

    @property
    def output_zero_point(self) -> int:
        """Per-tensor zero point of the output."""
        return _zero_point(self.node, self.output)

    @property
    def runtime(self) -> Runtime:
        """Whose kernel computes the node: XNNPACK leaves some to LiteRT's own."""
        runtime = self.graph.runtime
        if runtime == Runtime.XNNPACK and not self._xnnpack_takes():
            return Runtime.REFERENCE
        return runtime

    def _xnnpack_takes(self) -> bool:
        if self.node.operator not in ("ADD", "MUL", "SUB"):
            return True
        a, b = self.scale(0), self.scale(1)
        if self.node.operator == "MUL":
            return golden.product_taken(a * b / self.output_scale)
        return all(golden.operand_taken(scale / self.output_scale) for scale in (a, b))

    def windows(self, function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        """Return ``function`` of input 0 as (images, height, width, channels), however many."""
        x = self.value(0)
        result = function(x.reshape(-1, *x.shape[-3:]) if x.ndim != 4 else x)
        return result if x.ndim == 4 else result.reshape(*x.shape[:-3], *result.shape[1:])

    def shaped(self, value: NDArray[Any]) -> NDArray[Any]:
        """Give ``value`` the output's shape, its first dimension scaled to the batch at hand."""
        shape = self.output.shape
        if not shape:
            return value.reshape(())
        return value.reshape(-1, *shape[1:]) if value.size else value.reshape(0, *shape[1:])


def float32_value(context: Context, index: int) -> NDArray[np.float32]:
    """Return what input ``index``, quantised or float32, expresses in float32."""
    value = context.value(index)
    if value.dtype == np.float32:
        return value
    scale, zero_point = context.scale(index), context.zero_point(index)
    return golden.dequantize(value, scale=scale, zero_point=zero_point)


def _scale(node: Node, tensor: Tensor) -> np.float32:
    if tensor.quantization is None:
        raise ModelError(f"{node.name}: tensor {tensor.name} has no quantisation")
    return tensor.quantization.scale[0]


def _zero_point(node: Node, tensor: Tensor) -> int:
    if tensor.quantization is None:
        raise ModelError(f"{node.name}: tensor {tensor.name} has no quantisation")
    return int(tensor.quantization.zero_point[0])

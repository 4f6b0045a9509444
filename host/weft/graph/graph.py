"""The one graph form in which both importers end and from which the compiler starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.graph.runtime import Runtime

__all__ = ["REAL", "Graph", "Node", "Quantization", "State", "Tensor"]

REAL = np.dtype(np.float64)  # of tensors that hold real numbers


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (value - zero_point).

    Parameters
    ----------
    scale : ndarray, float32, shape (1,) or (channels,)
    zero_point : ndarray, int64, shape like ``scale``
    axis : int
        Dimension to which per-channel values belong. For a single one it has no meaning but to
        XNNPACK, which takes weights of uint8 only where the file says 0.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor: activations are NHWC with their batch, constants carry ``data``.

    Layouts of constants: CONV_2D weights (out, kh, kw, in / groups); DEPTHWISE_CONV_2D weights
    (1, kh, kw, in * depth_multiplier); FULLY_CONNECTED weights (out, in); biases int32 (out,), or
    float32 where the runtime leaves the layer in float and adds a real number. Where the result is
    real, so is the bias.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    quantization: Quantization | None = None
    data: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Node:
    """One operator, named as in TFLite: one of :data:`weft.graph.OPERATORS`.

    ``inputs`` and ``outputs`` name tensors; an absent optional input is ``None``. Attributes of
    operators with a window: ``stride`` (y, x), ``dilation`` (y, x), ``padding`` (top, bottom,
    left, right), ``groups`` (CONV_2D), ``depth_multiplier``, ``kernel`` (pools). ``activation``:
    one of :data:`weft.graph.ACTIVATIONS`.
    """

    operator: str
    name: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class State:
    """A value that a network keeps from one call to the next.

    Parameters
    ----------
    name : str
        Tensor that holds the value at the start of a call; no node makes it.
    next : str
        Tensor that holds the value for the next call.
    initial : ndarray
        Value before the first call, of the tensor's dtype and shape.
    """

    name: str
    next: str
    initial: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which they can run.

    ``runtime`` says whose bits are reproduced. ``inputs`` and ``outputs`` have the dtype, shape and
    layout that the model file declares. What turns them into int8 NHWC (TRANSPOSE, QUANTIZE, ...)
    are nodes like any other, which run on the host. ``states`` are what the network keeps between
    calls.

    Dimension 0 of every tensor counts images, which are computed apart from each other. Where the
    file's own first dimension is no such batch, ``declared`` gives the file's shapes of inputs and
    outputs: the whole file is then one image (:mod:`weft.graph.images`). None where it is a batch.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    runtime: Runtime
    states: tuple[State, ...] = ()
    declared: Mapping[str, tuple[int, ...]] | None = None

    @property
    def in_onnxruntime(self) -> bool:
        """Whether it is ONNX Runtime's arithmetic that is reproduced."""
        return self.runtime.is_onnx

    @property
    def sources(self) -> tuple[str, ...]:
        """Tensors that are there before a call: inputs, and states."""
        return *self.inputs, *(state.name for state in self.states)

    @property
    def results(self) -> tuple[str, ...]:
        """Tensors that must be there after a call: outputs, and states for the next one."""
        return *self.outputs, *(state.next for state in self.states)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an input or output as the file declares it."""
        return (self.declared or {}).get(name, self.tensors[name].shape)

    def enter(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return feeds of the file's shapes with an image dimension."""
        if self.declared is None:
            return dict(feeds)
        return {
            name: np.asarray(array).reshape(self.tensors[name].shape)
            for name, array in feeds.items()
        }

    def leave(self, name: str, value: NDArray[Any]) -> NDArray[Any]:
        """Return an output in the file's shape."""
        return value if self.declared is None else value.reshape(self.shape(name))

    def computes_reals(self, node: Node) -> bool:
        """Whether ``node`` reads or makes real numbers, so that it lies in a float island."""
        tensors = [self.tensors[x] for x in (*node.inputs, *node.outputs) if x is not None]
        return any(t.dtype == REAL and t.data is None for t in tensors)

    def in_island(self, node: Node) -> bool:
        """Whether ``node`` follows the rule of float islands, not the bits of a runtime."""
        return bool(node.attributes.get("island")) or self.computes_reals(node)

    @property
    def islands(self) -> list[Node]:
        """Layers of float islands: no runtime's bits are promised of what they make."""
        return [node for node in self.nodes if self.in_island(node)]

    def behind_islands(self) -> set[str]:
        """Tensors that float islands make, or that are computed of those."""
        found: set[str] = set()
        for node in self.nodes:
            if self.in_island(node) or found & {*node.inputs}:
                found.update(node.outputs)
        return found

    def replace(self, **changes: Any) -> "Graph":
        """Return a copy with ``changes``."""
        return replace(self, **changes)

    def consumers(self, tensor: str) -> list[Node]:
        """Nodes that read ``tensor``."""
        return [self.nodes[index] for index in self.reading.get(tensor, ())]

    def producer(self, tensor: str) -> Node | None:
        """Node that writes ``tensor``; None for a graph input or a constant."""
        index = self.writing.get(tensor)
        return None if index is None else self.nodes[index]

    @cached_property
    def reading(self) -> dict[str, list[int]]:
        """For each tensor the places in ``nodes`` of those that read it, in order."""
        found: dict[str, list[int]] = {}
        for index, node in enumerate(self.nodes):
            for name in {*node.inputs}:
                if name is not None:
                    found.setdefault(name, []).append(index)
        return found

    @cached_property
    def writing(self) -> dict[str, int]:
        """For each tensor the place in ``nodes`` of the one that writes it."""
        return {name: i for i, node in enumerate(self.nodes) for name in node.outputs}

"""The one graph form in which both importers end and from which the compiler starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Graph", "Node", "Quantization", "Tensor"]


@dataclass(frozen=True, eq=False)
class Quantization:
    """real = scale * (value - zero_point).

    Parameters
    ----------
    scale : ndarray, float32, shape (1,) or (channels,)
    zero_point : ndarray, int64, shape like ``scale``
    axis : int
        Dimension to which per-channel values belong; 0 for per-tensor ones.
    """

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor: activations are NHWC with their batch, constants carry ``data``.

    Layouts of constants: CONV_2D weights (out, kh, kw, in / groups); DEPTHWISE_CONV_2D weights
    (1, kh, kw, in * depth_multiplier); FULLY_CONNECTED weights (out, in); biases int32 (out,).
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    quantization: Quantization | None = None
    data: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Node:
    """One operator, named as in TFLite.

    ``inputs`` and ``outputs`` name tensors; an absent optional input is ``None``. Attributes of
    operators with a window: ``stride`` (y, x), ``dilation`` (y, x), ``padding`` (top, bottom,
    left, right), ``groups`` (CONV_2D), ``depth_multiplier``, ``kernel`` (pools). ``activation``:
    ``"NONE"``, ``"RELU"``, ``"RELU6"``, ``"RELU_N1_TO_1"``.
    """

    operator: str
    name: str
    inputs: tuple[str | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which they can run.

    ``rounding`` says whose bits are reproduced: ``"reference"`` or ``"xnnpack"`` (LiteRT's two
    engines) or ``"onnxruntime"``. ``inputs`` and ``outputs`` have the dtype, shape and layout
    that the model file declares; what turns them into int8 NHWC (TRANSPOSE, QUANTIZE, ...) are
    nodes like any other, which run on the host.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rounding: str

    def replace(self, **changes: Any) -> "Graph":
        """Return a copy with ``changes``."""
        return replace(self, **changes)

    def consumers(self, tensor: str) -> list[Node]:
        """Nodes that read ``tensor``."""
        return [node for node in self.nodes if tensor in node.inputs]

    def producer(self, tensor: str) -> Node | None:
        """Node that writes ``tensor``; None for a graph input or a constant."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

"""The one graph form in which both importers end and from which the compiler starts.

Operators and their attributes (all activations int8 unless said otherwise)::

    CONV_2D                  stride, dilation, padding, groups, activation
    DEPTHWISE_CONV_2D        stride, dilation, padding, depth_multiplier, activation
    TRANSPOSE_CONV           stride, padding, activation
    FULLY_CONNECTED          activation                       output (..., out)
    AVERAGE_POOL_2D          kernel, stride, padding, activation   (padding is not counted)
    MAX_POOL_2D              kernel, stride, padding, activation
    MEAN, SUM                axes, keep_dims
    REDUCE_MAX, REDUCE_MIN   axes, keep_dims
    ADD, SUB, MUL            activation                       either operand may be a constant
    SQUARED_DIFFERENCE       none                             either operand may be a constant
    MAXIMUM, MINIMUM         none                             of one quantisation
    SELECT                   none                             condition (bool), two tensors
    CONCATENATION            axis, activation
    LOGISTIC, TANH, ELU, HARD_SWISH, RELU, RELU6, RELU_N1_TO_1, SILU   none
    LEAKY_RELU               alpha
    GELU                     approximate
    TABLE                    table: 256 int8 values, at the index ``input & 255``, or 256 for
                             each channel
    SOFTMAX                  beta                             over the last axis
    LOG_SOFTMAX              none                             over the last axis
    PAD                      paddings ((before, after), ...)  filled with the zero point
    RESHAPE                  none: the output tensor's shape, batch kept
    TRANSPOSE                permutation
    SLICE                    begin, size                      of each dimension
    GATHER                   axis, indices                    values of one dimension, any order
    RESIZE_NEAREST_NEIGHBOR  align_corners, half_pixel_centers
    RESIZE_BILINEAR          align_corners, half_pixel_centers
    ARG_MAX                  axis                             output int32 or int64
    SVDF                     rank                             also makes its state, input 4
    QUANTIZE                 none: float32, int8 or uint8 to int8 or uint8
    DEQUANTIZE               none: int8 or uint8 to float32
    FUNCTION                 function: ONNX's name of it; its parameters

A float64 tensor holds real numbers: what a file leaves in float between DequantizeLinear and
QuantizeLinear, a *float island*. FUNCTION knows only those, element by element. The operators from
CONV_2D to RESIZE_NEAREST_NEIGHBOR make them as well; inputs may then be int8, float32 or float64,
weights float32. QUANTIZE rounds them to int8, DEQUANTIZE to float32. An attribute ``island`` marks
an int8 layer which follows the rule of islands, where no runtime's bits are promised. An attribute
``real`` marks one whose float32 arithmetic is followed bit for bit; of pools and means it names the
order of the sums: ``"rows"``, ``"columns"``, ``"lanes"`` or ``"sequence"``.

Three attributes are optional: ``dilation`` of MAX_POOL_2D, ``value`` of PAD, an int8 number with
which it fills in place of the zero point, and ``fixed_point`` of FULLY_CONNECTED, which then rounds
as CONV_2D of uint8 does: so LiteRT's BATCH_MATMUL rounds.

An attribute ``unsigned`` may come on top: the file's tensors are uint8, whose zero points are 128
higher than the graph's. ONNX Runtime works on ADD, MUL and AVERAGE_POOL_2D in float32, where that
can decide a tie. LiteRT has other kernels for uint8: weights have a zero point, their scale is
multiplied in float32, and averages round ties up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BROADCASTING", "OPERATORS", "REAL", "Graph", "Node", "Quantization", "State", "Tensor"]

REAL = np.dtype(np.float64)  # of tensors that hold real numbers

# Operators whose smaller operand is repeated as NumPy does.
BROADCASTING = ("ADD", "SUB", "MUL", "SQUARED_DIFFERENCE", "MAXIMUM", "MINIMUM", "SELECT")

# Every operator that a graph may hold, with the attributes that it carries.
OPERATORS: Mapping[str, tuple[str, ...]] = {
    "CONV_2D": ("stride", "dilation", "padding", "groups", "activation"),
    "DEPTHWISE_CONV_2D": ("stride", "dilation", "padding", "depth_multiplier", "activation"),
    "TRANSPOSE_CONV": ("stride", "padding", "activation"),
    "FULLY_CONNECTED": ("activation",),
    "AVERAGE_POOL_2D": ("kernel", "stride", "padding", "activation"),
    "MAX_POOL_2D": ("kernel", "stride", "padding", "activation"),
    "MEAN": ("axes", "keep_dims"),
    "SUM": ("axes", "keep_dims"),
    "REDUCE_MAX": ("axes", "keep_dims"),
    "REDUCE_MIN": ("axes", "keep_dims"),
    "ADD": ("activation",),
    "SUB": ("activation",),
    "MUL": ("activation",),
    "SQUARED_DIFFERENCE": (),
    "MAXIMUM": (),
    "MINIMUM": (),
    "SELECT": (),
    "CONCATENATION": ("axis", "activation"),
    "LOGISTIC": (),
    "TANH": (),
    "ELU": (),
    "HARD_SWISH": (),
    "RELU": (),
    "RELU6": (),
    "RELU_N1_TO_1": (),
    "SILU": (),
    "LEAKY_RELU": ("alpha",),
    "GELU": ("approximate",),
    "TABLE": ("table",),
    "SOFTMAX": ("beta",),
    "LOG_SOFTMAX": (),
    "PAD": ("paddings",),
    "RESHAPE": (),
    "TRANSPOSE": ("permutation",),
    "SLICE": ("begin", "size"),
    "GATHER": ("axis", "indices"),
    "RESIZE_NEAREST_NEIGHBOR": ("align_corners", "half_pixel_centers"),
    "RESIZE_BILINEAR": ("align_corners", "half_pixel_centers"),
    "ARG_MAX": ("axis",),
    "SVDF": ("rank",),
    "QUANTIZE": (),
    "DEQUANTIZE": (),
    "FUNCTION": ("function",),
}


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

    ``rounding`` says whose bits are reproduced: ``"reference"`` or ``"xnnpack"`` (LiteRT's two
    engines), ``"onnxruntime"`` or ``"onnxruntime-uint8"``, whose arithmetic is the same. ``inputs``
    and ``outputs`` have the dtype, shape and layout that the model file declares; what turns them
    into int8 NHWC (TRANSPOSE, QUANTIZE, ...) are nodes like any other, which run on the host.
    ``states`` are what the network keeps between calls.

    Dimension 0 of every tensor counts images, which are computed apart from each other. Where the
    file's own first dimension is no such batch, ``declared`` gives the file's shapes of inputs and
    outputs: the whole file is then one image (:mod:`weft.graph.images`). None where it is a batch.
    """

    name: str
    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rounding: str
    states: tuple[State, ...] = ()
    declared: Mapping[str, tuple[int, ...]] | None = None

    @property
    def in_onnxruntime(self) -> bool:
        """Whether it is ONNX Runtime's arithmetic that is reproduced."""
        return self.rounding.startswith("onnxruntime")

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

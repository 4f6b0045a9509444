"""``program.json`` of a ``.weft`` file: a program without its arrays, as typed records.

A file holds what these records can say, written as :func:`encode` writes it, and nothing else:
no other fields, no field twice, no number of another type or outside its bounds.
"""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import UNSET, Meta, Struct, UnsetType
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.errors import ModelError
from weft.graph import Node, Quantization, Runtime
from weft.npy import DTYPES
from weft.program.bounds import Axis, Count, Int8, Integer, Name, Shape, Size
from weft.program.program import (
    DescriptorInfo,
    HostStep,
    LayerInfo,
    RunStep,
    StreamPlan,
    TensorPlace,
)

__all__ = [
    "Attributes",
    "GraphRecord",
    "ImageRecord",
    "NodeRecord",
    "ProgramRecord",
    "QuantizationRecord",
    "StateRecord",
    "TensorRecord",
    "decode",
    "encode",
]

_MOST_BYTES = 1 << 25
_MOST_DESCRIPTORS = 1 << 16
Pair = tuple[Count, Count]


class _Record(Struct, forbid_unknown_fields=True):
    """A part of the file."""


class Attributes(_Record, omit_defaults=True):
    """Attributes of nodes, by the names that :mod:`weft.graph.graph` gives them."""

    activation: Name | UnsetType = UNSET
    align_corners: bool | UnsetType = UNSET
    alpha: float | UnsetType = UNSET
    approximate: bool | Name | UnsetType = UNSET
    axes: tuple[Count, ...] | UnsetType = UNSET
    axis: Count | UnsetType = UNSET
    batch_dims: Count | UnsetType = UNSET
    begin: tuple[Count, ...] | UnsetType = UNSET
    beta: float | UnsetType = UNSET
    cell_limit: Count | UnsetType = UNSET
    classes: Size | UnsetType = UNSET
    columns: tuple[float, ...] | UnsetType = UNSET
    depth_multiplier: Size | UnsetType = UNSET
    detections: Size | UnsetType = UNSET
    dilation: Pair | UnsetType = UNSET
    fixed_point: bool | UnsetType = UNSET
    function: Name | UnsetType = UNSET
    gamma: float | UnsetType = UNSET
    groups: Size | UnsetType = UNSET
    half_pixel_centers: bool | UnsetType = UNSET
    indices: tuple[Count, ...] | UnsetType = UNSET
    island: bool | UnsetType = UNSET
    keep_dims: bool | UnsetType = UNSET
    kernel: Pair | UnsetType = UNSET
    last: bool | UnsetType = UNSET
    max: float | UnsetType = UNSET
    min: float | UnsetType = UNSET
    overlap: float | UnsetType = UNSET
    padding: tuple[Count, Count, Count, Count] | UnsetType = UNSET
    paddings: tuple[Pair, ...] | UnsetType = UNSET
    per_class: Count | UnsetType = UNSET
    permutation: tuple[Count, ...] | UnsetType = UNSET
    rank: Size | UnsetType = UNSET
    real: bool | Name | UnsetType = UNSET
    retyped: bool | UnsetType = UNSET
    rows: tuple[float, ...] | UnsetType = UNSET
    scales: tuple[float, ...] | UnsetType = UNSET
    score: float | UnsetType = UNSET
    size: tuple[Count, ...] | UnsetType = UNSET
    stride: Pair | UnsetType = UNSET
    table: tuple[Int8, ...] | UnsetType = UNSET
    unsigned: bool | UnsetType = UNSET
    value: Int8 | float | UnsetType = UNSET


class QuantizationRecord(_Record):
    """See :class:`weft.graph.Quantization`; a float32 survives the way through float64."""

    scale: tuple[float, ...]
    zero_point: tuple[Integer, ...]
    axis: Axis

    @classmethod
    def of(cls, quantization: Quantization) -> "QuantizationRecord":
        """Return the record of a quantisation."""
        scale = quantization.scale.astype(np.float64).tolist()
        return cls(tuple(scale), tuple(quantization.zero_point.tolist()), int(quantization.axis))

    def read(self) -> Quantization:
        """Return the quantisation."""
        if len(self.scale) != len(self.zero_point) or not self.scale:
            raise ModelError("a tensor must have as many zero points as scales")
        with np.errstate(over="ignore"):
            scale = np.array(self.scale, np.float32)
        if scale.astype(np.float64).tolist() != list(self.scale):
            raise ModelError("a scale is no float32")
        return Quantization(scale, np.array(self.zero_point, np.int64), self.axis)


class TensorRecord(_Record):
    """See :class:`weft.graph.Tensor`; a constant is a member of the file."""

    name: Name
    shape: Shape
    dtype: Literal[DTYPES]  # type: ignore[valid-type]
    constant: bool
    quantization: QuantizationRecord | None


class StateRecord(_Record):
    """See :class:`weft.graph.State`; its first value is a member of the file."""

    name: Name
    next: Name


class NodeRecord(_Record):
    """See :class:`weft.graph.Node`."""

    operator: Name
    name: Name
    inputs: tuple[Name | None, ...]
    outputs: tuple[Name, ...]
    attributes: Attributes

    @classmethod
    def of(cls, node: Node) -> "NodeRecord":
        """Return the record of a node."""
        plain = {name: _plain(value) for name, value in node.attributes.items()}
        attributes = msgspec.convert(plain, Attributes, strict=False)
        return cls(node.operator, node.name, node.inputs, node.outputs, attributes)

    def read(self) -> Node:
        """Return the node."""
        given = msgspec.structs.asdict(self.attributes).items()
        attributes = {name: value for name, value in given if value is not UNSET}
        return Node(self.operator, self.name, self.inputs, self.outputs, attributes)


class GraphRecord(_Record):
    """See :class:`weft.graph.Graph`."""

    name: Name
    inputs: tuple[Name, ...]
    outputs: tuple[Name, ...]
    rounding: Runtime
    tensors: tuple[TensorRecord, ...]
    states: tuple[StateRecord, ...]
    declared: dict[Name, Shape] | None
    nodes: tuple[NodeRecord, ...]


class ImageRecord(_Record):
    """See :class:`weft.program.Image`; its bytes are a member of the file."""

    region: Region
    unit: Count


class ProgramRecord(_Record):
    """See :class:`weft.program.Program`."""

    graph: GraphRecord
    config: Config
    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
    images: tuple[ImageRecord, ...]
    steps: tuple[HostStep | RunStep, ...]
    places: dict[Name, TensorPlace]
    descriptors: Annotated[tuple[DescriptorInfo, ...], Meta(max_length=_MOST_DESCRIPTORS)]
    layers: tuple[LayerInfo, ...]
    usage: dict[Name, Pair]
    stream: StreamPlan
    streamed: bool
    resident: tuple[Name, ...]


def encode(record: ProgramRecord) -> bytes:
    """Return ``program.json``."""
    return msgspec.json.encode(record)


def decode(data: bytes) -> ProgramRecord:
    """Return the record in ``program.json``.

    Raises
    ------
    ModelError
        If it is anything but what :func:`encode` returns for a record.
    """
    if len(data) > _MOST_BYTES:
        raise ModelError(f"its program.json is larger than {_MOST_BYTES >> 20} MiB")
    try:
        record = msgspec.json.decode(data, type=ProgramRecord)
        same = encode(record) == data
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ModelError(f"its program.json breaks a rule: {error}") from None
    if not same:
        raise ModelError("its program.json holds a field twice, or one that is unknown")
    return record


def _plain(value: Any) -> Any:
    """Return an attribute with Python's numbers and tuples."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, tuple | list):
        return tuple(map(_plain, value))
    return value

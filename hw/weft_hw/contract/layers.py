"""Descriptors by kind of layer, each with the fields that its kind has.

:data:`~weft_hw.contract.descriptor.DESCRIPTOR` says what a field means and where it lies. Fields
that a kind does not have are 0. The fourth kind is :class:`weft_hw.contract.move.Move`.
"""

from enum import IntEnum
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import asdict

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import (
    DESCRIPTOR,
    Kind,
    Rounding,
    Wait,
    decode_descriptor,
    encode_descriptor,
)
from weft_hw.contract.field_widths import check_descriptor

__all__ = ["Elementwise", "Layer", "Mac", "Table", "check_layer", "decode_layer"]


class _Layer(Struct, frozen=True, kw_only=True):
    kind: ClassVar[Kind]

    @property
    def fields(self) -> dict[str, int]:
        """Values by the names of the descriptor's fields."""
        return {"kind": self.kind, **asdict(self)}

    def encode(self) -> bytes:
        """Return the ``DESCRIPTOR_BYTES`` bytes.

        Raises
        ------
        ValueError
            If a value does not fit its field.
        """
        return encode_descriptor(self.fields)


class Mac(_Layer, frozen=True, kw_only=True):
    """A window that moves over a feature map: convolution, pooling, fully connected, copy."""

    kind = Kind.MAC
    row_words: int
    row_gap: int = 0
    fill_rows: int
    row_bits: int
    in_height: int
    in_width: int
    packing: int
    out_height: int
    out_width: int
    groups: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_left: int
    span: int
    dilation_y: int
    dilation_x: int
    unit_step: int
    unit_stride: int
    group_step: int
    origin: int
    keep: int
    pad_value: int
    depthwise: bool
    maximum: bool
    last_beats: int
    rounding: Rounding
    zero_point: int
    low: int
    high: int
    use_table: bool = False
    out_row: int
    out_pixel: int
    first_mask: int
    last_mask: int
    own_weights: bool = False
    adds: bool = False
    adds_first: bool = False
    wide: bool = False
    sum_parameter: int = 0
    sum_rounding: Rounding = Rounding.DOUBLE
    sum_zero_point: int = 0
    sum_low: int = 0
    sum_high: int = 0
    other_base: int = 0
    window_base: int = 0
    window_count: int = 0
    weight_base: int = 0
    parameter_base: int = 0
    in_base: int = 0
    out_base: int = 0
    wait: Wait = Wait.NOTHING
    moves: int = 0


class Elementwise(_Layer, frozen=True, kw_only=True):
    """A sum or product of two tensors, or a function of one, element by element."""

    kind = Kind.ELEMENTWISE
    word_count: int
    unary: bool = False
    wide: bool = False
    multiply: bool = False
    in_zero: int = 0
    other_zero: int = 0
    use_table: bool = False
    rounding: Rounding = Rounding.DOUBLE
    zero_point: int = 0
    low: int
    high: int
    parameter_base: int = 0
    in_base: int = 0
    other_base: int = 0
    out_base: int = 0
    wait: Wait = Wait.NOTHING
    moves: int = 0


class Table(_Layer, frozen=True, kw_only=True):
    """A load of the table of 256 entries."""

    kind = Kind.TABLE
    in_base: int = 0
    wait: Wait = Wait.NOTHING
    moves: int = 0


Layer = Mac | Elementwise | Table

_KINDS: dict[int, type[Layer]] = {made.kind: made for made in (Mac, Elementwise, Table)}
_NAMES = {kind: frozenset(made.__struct_fields__) for kind, made in _KINDS.items()}
_FLAGS = frozenset(field.name for field in DESCRIPTOR if field.width == 1)
_ENUMERATIONS: dict[str, type[IntEnum]] = {
    "wait": Wait,
    "rounding": Rounding,
    "sum_rounding": Rounding,
}


def check_layer(config: Config, layer: Layer) -> None:
    """Check what ``config`` rules out and its memories' sizes do not.

    Raises
    ------
    ValueError
        If a value does not fit its field, or the kind of layer is missing.
    """
    check_descriptor(config, layer.fields)


def decode_layer(data: bytes) -> Layer:
    """Return the layer whose ``encode`` gives ``data``.

    Raises
    ------
    ValueError
        If there is none: a move, an unknown wait or rounding, or bits that its kind does not have.
    """
    fields = decode_descriptor(data)
    kind = fields.pop("kind")
    if kind not in _KINDS:
        raise ValueError(f"{Kind(kind).name} is no layer")
    names = _NAMES[kind]
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name in names:
            values[name] = bool(value) if name in _FLAGS else value
        elif value:
            raise ValueError(f"{Kind(kind).name} layers have no {name}")
    for name in names & _ENUMERATIONS.keys():
        if values[name] not in tuple(_ENUMERATIONS[name]):
            raise ValueError(f"there is no {name} {values[name]}")
        values[name] = _ENUMERATIONS[name](values[name])
    layer = _KINDS[kind](**values)
    if layer.encode() != data:
        raise ValueError("bits without a meaning are set")
    return layer

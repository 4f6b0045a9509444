"""Bit fields packed from the least significant bit up: one table for hardware and software."""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

__all__ = ["Field", "Fields", "largest", "offsets", "pack", "unpack", "widths"]


class Field(NamedTuple):
    """One bit field: its name, its width in bits, whether it is signed, and what it means."""

    name: str
    width: int
    meaning: str
    signed: bool = False


class Fields(tuple[Field, ...]):
    """A layout: its fields, from the least significant bit up."""

    def __new__(cls, *fields: Field) -> "Fields":
        return super().__new__(cls, fields)

    @cached_property
    def ranges(self) -> dict[str, tuple[int, int, int]]:
        """Offset, least and greatest value of each field."""
        lows = {field.name: -(1 << field.width - 1) if field.signed else 0 for field in self}
        return {
            field.name: (offset, lows[field.name], lows[field.name] + (1 << field.width) - 1)
            for field, offset in zip(self, offsets(self).values(), strict=True)
        }


def offsets(fields: tuple[Field, ...]) -> dict[str, int]:
    """Bit offset of each field."""
    result, offset = {}, 0
    for field in fields:
        result[field.name] = offset
        offset += field.width
    return result


def widths(fields: tuple[Field, ...]) -> dict[str, int]:
    """Width of each field, in bits."""
    return {field.name: field.width for field in fields}


def largest(fields: Fields, name: str) -> int:
    """Return the greatest value that a field can have."""
    return fields.ranges[name][2]


def pack(fields: Fields, values: Mapping[str, int]) -> int:
    """Pack ``values`` (0 where absent) into one integer.

    Raises
    ------
    ValueError
        If a name is unknown, or a value does not fit its field.
    """
    ranges = fields.ranges
    if not values.keys() <= ranges.keys():
        raise ValueError(f"no such field: {', '.join(sorted(values.keys() - ranges.keys()))}")
    word = 0
    for name, given in values.items():
        if not given:
            continue
        value, (offset, low, high) = int(given), ranges[name]
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low} to {high}, not {value}")
        word |= (value & high - low) << offset
    return word


def unpack(fields: tuple[Field, ...], word: int) -> dict[str, int]:
    """Return what :func:`pack` packed."""
    values = {}
    for field in fields:
        value = word & (1 << field.width) - 1
        if field.signed and value >> field.width - 1:
            value -= 1 << field.width
        values[field.name] = value
        word >>= field.width
    return values

"""Bit fields packed from the least significant bit up: one table for hardware and software."""

from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Field", "offsets", "pack", "unpack", "widths"]


class Field(NamedTuple):
    """One bit field: its name, its width in bits, whether it is signed, and what it means."""

    name: str
    width: int
    meaning: str
    signed: bool = False


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


def pack(fields: tuple[Field, ...], values: Mapping[str, int]) -> int:
    """Pack ``values`` (0 where absent) into one integer.

    Raises
    ------
    ValueError
        If a name is unknown, or a value does not fit its field.
    """
    unknown = set(values) - {field.name for field in fields}
    if unknown:
        raise ValueError(f"no such field: {', '.join(sorted(unknown))}")
    word, offset = 0, 0
    for field in fields:
        value = int(values.get(field.name, 0))
        low = -(1 << field.width - 1) if field.signed else 0
        high = low + (1 << field.width) - 1
        if not low <= value <= high:
            raise ValueError(f"{field.name} must be from {low} to {high}, not {value}")
        word |= (value & (1 << field.width) - 1) << offset
        offset += field.width
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

"""Bounds of a program's fields; :mod:`weft.program.check` compares fields with each other."""

from typing import Annotated

from msgspec import Meta

from weft.npy import MAX_DIMENSIONS

__all__ = [
    "Axis",
    "Count",
    "Int8",
    "Integer",
    "Name",
    "Packing",
    "Shape",
    "Size",
    "Work",
]

# Of rows, bytes, nodes, units: what no memory that a program can use exceeds.
_MOST = 1 << 28

Count = Annotated[int, Meta(ge=0, le=_MOST)]
Size = Annotated[int, Meta(ge=1, le=_MOST)]
Int8 = Annotated[int, Meta(ge=-128, le=127)]
Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Work = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]  # multiplications, cycles
Packing = Annotated[int, Meta(ge=0, le=2)]
Axis = Annotated[int, Meta(ge=-MAX_DIMENSIONS, lt=MAX_DIMENSIONS)]
Shape = Annotated[tuple[Count, ...], Meta(max_length=MAX_DIMENSIONS)]
Name = Annotated[str, Meta(max_length=1 << 16)]

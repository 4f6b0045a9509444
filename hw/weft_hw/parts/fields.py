"""The contract's packed fields as an Amaranth layout."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from weft_hw.contract.fields import Field

__all__ = ["layout_of"]


def layout_of(fields: tuple[Field, ...]) -> data.StructLayout:
    """Return the layout of packed ``fields``."""
    return data.StructLayout(
        {
            field.name: signed(field.width) if field.signed else unsigned(field.width)
            for field in fields
        }
    )

"""Amaranth layouts of what travels between the engine's components."""

from amaranth.hdl import signed, unsigned
from amaranth.lib import data

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR, WINDOW
from weft_hw.contract.fields import Field

__all__ = [
    "DESCRIPTOR_LAYOUT", "STEP", "WINDOW_LAYOUT", "WINDOW_USE", "beat_layout", "column_layout",
    "layout_of",
]  # fmt: skip


def layout_of(fields: tuple[Field, ...]) -> data.StructLayout:
    """Return the layout of packed ``fields``."""
    return data.StructLayout({
        field.name: signed(field.width) if field.signed else unsigned(field.width)
        for field in fields
    })


DESCRIPTOR_LAYOUT = layout_of(DESCRIPTOR)
WINDOW_LAYOUT = layout_of(WINDOW)

# One cycle of the array: which sums it belongs to. It accompanies the data from row to row.
STEP = data.StructLayout({
    "valid": 1,
    "first": 1,  # of the steps that make one output
    "last": 1,
    "group_end": 1,  # this output is the last of its row in its group of channels
    "final_group": 1,
})

# How the window former's content is used once it is complete.
WINDOW_USE = data.StructLayout({
    "steps_minus_1": 4,
    "channels": 1,
    "first": 1,  # of the windows that make one output
    "last": 1,
    "group_end": 1,
    "final_group": 1,
})


def column_layout(config: Config) -> data.StructLayout:
    """One column of taps on its way from the line buffers to the window former."""
    return data.StructLayout({
        "taps": data.ArrayLayout(config.columns * 8, config.tap_rows),
        "pixel": range(max(2, config.pixels)),
        "complete": 1,  # the last column of the last pixel: the window can be used
        "window": WINDOW_USE,
    })


def beat_layout(config: Config) -> data.StructLayout:
    """As many values before requantisation as there are lanes, for the output lanes."""
    return data.StructLayout({
        "value": data.ArrayLayout(signed(32), config.lanes),
        "operand": data.ArrayLayout(signed(8), config.lanes),
        "parameter": range(config.parameter_words),
    })

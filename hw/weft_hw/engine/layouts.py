"""Amaranth layouts of what travels between the engine's components."""

from amaranth.hdl import Shape, signed, unsigned
from amaranth.lib import data

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR, DESCRIPTOR_BYTES, WINDOW
from weft_hw.contract.field_widths import field_widths
from weft_hw.contract.fields import offsets, widths
from weft_hw.contract.memory_map import counters
from weft_hw.parts.fields import layout_of

__all__ = [
    "WINDOW_LAYOUT",
    "beat_layout",
    "column_layout",
    "descriptor_layout",
    "events_layout",
    "fetch_layout",
    "pixel_shape",
    "position_shape",
    "step_layout",
    "sums_layout",
    "unit_shape",
    "window_layout",
]


WINDOW_LAYOUT = layout_of(WINDOW)


def descriptor_layout(config: Config) -> data.Layout:
    """Return the layout of a descriptor as the gateware of ``config`` reads it."""
    widths, places = field_widths(config), offsets(DESCRIPTOR)
    return data.FlexibleLayout(
        8 * DESCRIPTOR_BYTES,
        {
            field.name: data.Field(Shape(widths[field.name], field.signed), places[field.name])
            for field in DESCRIPTOR
        },
    )


def position_shape(config: Config) -> Shape:
    """Return the shape of a row or column of the input, padding and windows included."""
    return signed(field_widths(config)["in_height"] + 3)


def unit_shape(config: Config) -> Shape:
    """Return the shape of a unit in a row, padding included; of ``line_words``, modulo its bits."""
    if config.compact:
        return unsigned(field_widths(config)["origin"])
    return signed(16)


def pixel_shape(config: Config) -> Shape:
    """Return the shape of a pixel's number; one bit even where there is only one."""
    return Shape.cast(range(max(2, config.pixels)))


def events_layout(config: Config) -> data.StructLayout:
    """Return the layout of what a cycle was spent on: a bit for each counter but ``cycles``."""
    return data.StructLayout({field.name: 1 for field in counters(config)[1:]})


def step_layout(config: Config) -> data.StructLayout:
    """One cycle of the array: which sums it belongs to. It goes with the data down the rows."""
    return data.StructLayout(
        {
            "valid": 1,
            "first": 1,  # of the steps that make one output
            "last": 1,
            "group_end": 1,  # this output is the last of its row in its group of channels
            "final_group": 1,
            "last_pixel": pixel_shape(config),  # pixels after it lie below the output
        }
    )


def window_layout(config: Config) -> data.StructLayout:
    """How the window former's content is used once it is complete."""
    return data.StructLayout(
        {
            "steps_minus_1": widths(WINDOW)["steps_minus_1"],
            "channels": 1,
            "first": 1,  # of the windows that make one output
            "last": 1,
            "group_end": 1,
            "final_group": 1,
            "last_pixel": pixel_shape(config),
        }
    )


def fetch_layout(config: Config) -> data.StructLayout:
    """One column of taps to be fetched: where it lies, and what it is for."""
    return data.StructLayout(
        {
            "row": position_shape(config),  # of the first tap row
            "column": position_shape(config),
            "unit": unit_shape(config),
            "every": 1,
            "pixel": pixel_shape(config),
            "complete": 1,
            "window": window_layout(config),
        }
    )


def column_layout(config: Config) -> data.StructLayout:
    """One column of taps on its way from the line buffers to the window former."""
    return data.StructLayout(
        {
            "words": data.ArrayLayout(config.columns * 8, config.fetch_rows),  # a word per tap row
            "every": 1,  # one word per pixel instead, for a channel feed
            "pixel": pixel_shape(config),
            "complete": 1,  # the last column of the last pixel: the window can be used
            "window": window_layout(config),
        }
    )


def beat_layout(config: Config) -> data.StructLayout:
    """As many values before requantisation as there are lanes, for the output lanes."""
    return data.StructLayout(
        {
            "value": data.ArrayLayout(signed(32), config.lanes),
            "operand": data.ArrayLayout(signed(8), config.lanes),
            "parameter": range(config.parameter_words),
            "second": 1,  # results of a layer that adds, on their second way through the lanes
        }
    )


def sums_layout(config: Config) -> data.StructLayout:
    """Return the layout of a beat of both operands of a sum, int8, from a layer that adds."""
    operand = data.ArrayLayout(signed(8), config.lanes)
    return data.StructLayout({"valid": 1, "first": operand, "second": operand})

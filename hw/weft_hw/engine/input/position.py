"""Where in the input the walk is: what a window's first tap, and the one at hand, read."""

from typing import NamedTuple

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data

from weft_hw.contract.config import Config
from weft_hw.engine.layouts import position_shape, unit_shape

__all__ = ["Position", "follow"]


class Position(NamedTuple):
    """Rows, columns and units of the input, padding included."""

    row: Signal  # first of the window of the first pixel
    pixel_row: Signal  # first of the pixel's window
    column: Signal  # first of the window
    unit: Signal  # first of the window
    tap_column: Signal  # of the taps at hand, from the window's first
    tap_unit: Signal


def follow(
    m: Module,
    config: Config,
    descriptor: data.View,
    begin: Value,
    issued: Value,
    ended: dict[str, Value],
    kept: Value,
) -> Position:
    """Move on with each column of taps, 1 cycle after ``issued``.

    Parameters
    ----------
    m : Module
        That of the walker.
    config : Config
    descriptor : View
    begin : Value
        The layer's walk begins.
    issued : Value
        A column of taps was decided on.
    ended : dict of Value
        It was the last of its ``tap`` row, ``window``, ``output``, ``row``, ``block``.
    kept : Value
        Columns of taps that the next window keeps.
    """
    row, pixel_row, column = (
        Signal(position_shape(config), name=name) for name in ("row", "pixel_row", "column")
    )
    unit, group_unit = (Signal(unit_shape(config), name=name) for name in ("unit", "group_unit"))
    tap_column, tap_unit = Signal(6), Signal(min(14, len(unit)))

    # The columns of taps that were not kept begin here.
    kept_units = Mux(kept[1], descriptor.unit_step << 1, Mux(kept[0], descriptor.unit_step, 0))
    below = Signal.like(row)
    m.d.comb += below.eq(row + config.pixels * descriptor.stride_y)
    next_group = Signal.like(unit)
    m.d.comb += next_group.eq(group_unit + descriptor.group_step)
    with m.If(issued):
        m.d.sync += [
            tap_column.eq(Mux(ended["tap"], kept, tap_column + descriptor.dilation_x)),
            tap_unit.eq(Mux(ended["tap"], kept_units, tap_unit + descriptor.unit_step)),
        ]
        with m.If(ended["tap"]):
            m.d.sync += pixel_row.eq(pixel_row + descriptor.stride_y)
        with m.If(ended["window"]):
            m.d.sync += pixel_row.eq(row)
        with m.If(ended["output"]):
            m.d.sync += [
                column.eq(column + descriptor.stride_x),
                unit.eq(unit + descriptor.unit_stride),
            ]
        with m.If(ended["row"]):
            m.d.sync += [
                column.eq(-descriptor.pad_left),
                unit.eq(next_group),
                group_unit.eq(next_group),
            ]
        with m.If(ended["block"]):
            m.d.sync += [
                unit.eq(descriptor.origin),
                group_unit.eq(descriptor.origin),
                row.eq(below),
                pixel_row.eq(below),
            ]
    with m.If(begin):
        m.d.sync += [
            row.eq(-descriptor.pad_top),
            pixel_row.eq(-descriptor.pad_top),
            column.eq(-descriptor.pad_left),
            unit.eq(descriptor.origin),
            group_unit.eq(descriptor.origin),
            tap_column.eq(0),
            tap_unit.eq(0),
        ]
    return Position(row, pixel_row, column, unit, tap_column, tap_unit)

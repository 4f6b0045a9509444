"""Walker: steps through the windows of a layer and says which column of taps is next."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.delay import delay
from weft_hw.layouts import DESCRIPTOR_LAYOUT, pixel_shape, window_layout
from weft_hw.window_program import ENTRY

__all__ = ["UNIT", "Walker", "fetch_layout"]

_READS_UNDER_WAY = 4

POSITION = signed(15)  # a row or column of the input, padding included
UNIT = signed(16)  # a unit in a row, padding included


def fetch_layout(config: Config) -> data.StructLayout:
    """One column of taps to be fetched: where it lies, and what it is for."""
    return data.StructLayout({
        "row": POSITION,  # of the first tap row
        "column": POSITION,
        "unit": UNIT,
        "every": 1,
        "pixel": pixel_shape(config),
        "complete": 1,
        "window": window_layout(config),
    })


class Walker(wiring.Component):
    """Output rows, groups of channels, output columns, entries, pixels, columns of taps: nested.

    One column of taps per cycle, or one word of every pixel in a channel feed (unless an even
    stride puts their rows in the same line buffer). Pixels below the output are skipped. An
    output row starts when all rows that its windows cover are in the line buffers. Latency is 2
    cycles from an entry to its fetch.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1); descriptor : In, constant until the next ``begin``
    entries : In(stream.Signature(ENTRY))
    filled_rows : In, rows of the input that the line buffers have taken
    enable : In(1), there is room for one more column (and those under way)
    valid : Out(1); fetch : Out(fetch_layout(config)), taken in the same cycle
    issue : Out(1), a column was decided on; it is ``valid`` 2 cycles later
    low_row : Out, the first input row that windows still need
    done : Out(1), from the last column on until the next ``begin``
    """

    entries: stream.Interface

    def __init__(self, config: Config):
        self.config = config
        rows = DESCRIPTOR_LAYOUT["in_height"].shape
        super().__init__({
            "begin": In(1),
            "descriptor": In(DESCRIPTOR_LAYOUT),
            "entries": In(stream.Signature(ENTRY)),
            "filled_rows": In(rows),
            "enable": In(1),
            "issue": Out(1),
            "valid": Out(1),
            "fetch": Out(fetch_layout(config)),
            "low_row": Out(rows),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, descriptor, entry = self.config, self.descriptor, self.entries.p

        done = Signal(init=1)
        m.d.comb += self.done.eq(done)

        # Where the walk is. Positions are those of the window's first row, column and unit.
        x = Signal.like(descriptor.out_width)
        group = Signal.like(descriptor.groups)
        tap = Signal(2)
        pixel, last_pixel = Signal(pixel_shape(config)), Signal(pixel_shape(config))
        rows_left = Signal.like(descriptor.out_height)
        row, pixel_row, column = Signal(POSITION), Signal(POSITION), Signal(POSITION)
        unit, group_unit = Signal(UNIT), Signal(UNIT)
        tap_column, tap_unit = Signal(6), Signal(14)  # of this column of taps in its window

        # The pixels' rows lie in different line buffers, so a channel feed reads all at once.
        distinct, every = Signal(), Signal()
        m.d.sync += distinct.eq((config.pixels > 1) & descriptor.stride_y[0])
        last = {name: Signal(name=f"last_{name}") for name in ("tap", "pixel", "x", "group", "y")}
        m.d.comb += [
            last["tap"].eq(tap == entry.window.columns - 1),
            every.eq(entry.window.channels & distinct),
            last["pixel"].eq(every | (pixel == last_pixel)),
            last["x"].eq(x == descriptor.out_width - 1),
            last["group"].eq(group == descriptor.groups - 1),
            last["y"].eq(rows_left <= config.pixels),
            last_pixel.eq(Mux(last["y"], rows_left - 1, config.pixels - 1)),
        ]

        # An output row waits for the last input row that it covers.
        covered, ready = Signal(POSITION), Signal()
        started = Signal(2)  # `covered`, then `ready` must catch up with a new row
        m.d.sync += [
            covered.eq(row + descriptor.span + (config.pixels - 1) * descriptor.stride_y),
            ready.eq((covered <= self.filled_rows.as_signed())
                     | (self.filled_rows >= descriptor.fill_rows)),
            started.eq((started << 1) | 1),
        ]
        m.d.comb += [
            self.issue.eq(self.entries.valid & self.enable & ready & started.all() & ~done),
            self.entries.ready.eq(self.issue & last["tap"] & last["pixel"]),
        ]
        # Reads of the row before are still on their way to the line buffers for some cycles.
        low_row = Signal.like(self.low_row)
        m.d.comb += low_row.eq(Mux(row < 0, 0, row))
        m.d.sync += self.low_row.eq(delay(m, low_row, _READS_UNDER_WAY, name="low_row"))


        def begin_window(moved):
            """Return to the first column of taps, or the first that was not kept."""
            kept = Mux(moved, descriptor.keep, 0)
            return [
                tap.eq(kept), tap_column.eq(kept),
                tap_unit.eq(Mux(kept[1], descriptor.unit_step << 1,
                                Mux(kept[0], descriptor.unit_step, 0))),
            ]

        moved = Signal()  # this window is not the first of its row
        with m.If(self.issue):
            m.d.sync += [
                tap.eq(tap + 1), tap_column.eq(tap_column + descriptor.column_step),
                tap_unit.eq(tap_unit + descriptor.unit_step),
            ]
            with m.If(last["tap"]):
                m.d.sync += [pixel.eq(pixel + 1), pixel_row.eq(pixel_row + descriptor.stride_y)]
                m.d.sync += begin_window(moved)
                with m.If(last["pixel"]):
                    m.d.sync += [pixel.eq(0), pixel_row.eq(row)]
                    with m.If(entry.last):
                        m.d.sync += [
                            x.eq(x + 1), moved.eq(1), column.eq(column + descriptor.stride_x),
                            unit.eq(unit + descriptor.unit_stride),
                        ]
                        m.d.sync += begin_window(~last["x"])
                        with m.If(last["x"]):
                            m.d.sync += [
                                x.eq(0), moved.eq(0), column.eq(-descriptor.pad_left),
                                group.eq(group + 1),
                                group_unit.eq(group_unit + descriptor.group_step),
                                unit.eq(group_unit + descriptor.group_step),
                            ]
                            with m.If(last["group"]):
                                below = row + config.pixels * descriptor.stride_y
                                m.d.sync += [
                                    group.eq(0), group_unit.eq(descriptor.origin),
                                    unit.eq(descriptor.origin),
                                    rows_left.eq(rows_left - config.pixels),
                                    row.eq(below), pixel_row.eq(below), started.eq(0),
                                    done.eq(last["y"]),
                                ]
        with m.If(self.begin):
            m.d.sync += [
                rows_left.eq(descriptor.out_height), x.eq(0), group.eq(0), tap.eq(0),
                pixel.eq(0), moved.eq(0),
                row.eq(-descriptor.pad_top), pixel_row.eq(-descriptor.pad_top),
                column.eq(-descriptor.pad_left), unit.eq(descriptor.origin),
                group_unit.eq(descriptor.origin), tap_column.eq(0), tap_unit.eq(0),
                started.eq(0), done.eq(0),
            ]

        # Two cycles of additions.
        half = Signal.like(self.fetch)
        dx, offset = Signal.like(entry.window.dx), Signal.like(entry.window.offset)
        half_valid = Signal()
        m.d.sync += [
            half_valid.eq(self.issue), half.row.eq(pixel_row + entry.window.dy),
            half.column.eq(column + tap_column), half.unit.eq(unit + tap_unit),
            half.pixel.eq(pixel), half.every.eq(every),
            half.complete.eq(last["tap"] & last["pixel"]),
            dx.eq(entry.window.dx), offset.eq(entry.window.offset),
            half.window.steps_minus_1.eq(entry.window.steps_minus_1),
            half.window.channels.eq(entry.window.channels),
            half.window.first.eq(entry.first), half.window.last.eq(entry.last),
            half.window.last_pixel.eq(last_pixel),
            half.window.group_end.eq(last["x"]), half.window.final_group.eq(last["group"]),
        ]
        m.d.sync += [
            self.valid.eq(half_valid), self.fetch.eq(half),
            self.fetch.column.eq(half.column + dx), self.fetch.unit.eq(half.unit + offset),
        ]
        return m

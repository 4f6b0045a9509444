"""Walker: steps through the windows of a layer and says which column of taps is next."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.input.loop import Loop
from weft_hw.engine.input.position import follow
from weft_hw.engine.input.window_program import ENTRY
from weft_hw.engine.layouts import (
    descriptor_layout,
    fetch_layout,
    pixel_shape,
    position_shape,
)
from weft_hw.parts.stages import Combinational, Registered

__all__ = ["StandingWalker", "Walker"]

_READS_UNDER_WAY = 4


class Walker(wiring.Component):
    """Output rows, groups of channels, output columns, entries, pixels, columns of taps: nested.

    One column of taps per cycle, or one word of every pixel in a channel feed (unless an even
    stride puts their rows in the same line buffer). Pixels below the output are skipped. An
    output row starts when all rows that its windows cover are in the line buffers; one cycle
    passes between two of them. Latency is 3 cycles from an entry to its fetch.

    With ``own_weights`` each entry starts when the rows that it reads itself are there, and one
    cycle passes between two of them: the single window begins while its input still arrives.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1); descriptor : In, constant until the next ``begin``
    entries : In(stream.Signature(ENTRY)), the first one 3 cycles after ``begin`` or later
    filled_rows : In, rows of the input that the line buffers have taken
    enable : In(1), there is room for one more column (and those under way)
    valid : Out(1); fetch : Out(fetch_layout(config)), taken in the same cycle
    issue : Out(1), a column was decided on; it is ``valid`` 3 cycles later
    low_row : Out, the first input row that windows still need
    done : Out(1), from the last column on until the next ``begin``
    """

    STEPS = Registered

    entries: stream.Interface
    begin: Signal
    descriptor: data.View
    filled_rows: Signal
    enable: Signal
    issue: Signal
    valid: Signal
    fetch: data.View
    low_row: Signal
    done: Signal

    def __init__(self, config: Config):
        self.config = config
        rows = descriptor_layout(config)["in_height"].shape
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "entries": In(stream.Signature(ENTRY)),
                "filled_rows": In(rows),
                "enable": In(1),
                "issue": Out(1),
                "valid": Out(1),
                "fetch": Out(fetch_layout(config)),
                "low_row": Out(rows),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor, entry = self.config, self.descriptor, self.entries.p
        steps = self.STEPS(m)
        stands = Signal()  # a column of taps is there to be fetched
        pixel_bits = config.pixels.bit_length() - 1
        position = position_shape(config)

        # How far the walk is. A block is the output rows of all pixels.
        done = Signal(init=1)
        block, group, x = (
            Loop(m, count, name, settled=not steps.CYCLES)
            for count, name in [
                ((descriptor.out_height + config.pixels - 1) >> pixel_bits, "block"),
                (descriptor.groups, "group"),
                (descriptor.out_width, "x"),
            ]
        )
        tap, pixel = Signal(2), Signal(pixel_shape(config))
        moved = Signal()  # this window is not the first of its row
        final_pixel, last_pixel = Signal.like(pixel), Signal.like(pixel)
        # The pixels' rows lie in different line buffers, so a channel feed reads all at once.
        distinct, every = Signal(), Signal()
        m.d.sync += [
            distinct.eq((config.pixels > 1) & descriptor.stride_y[0]),
            final_pixel.eq((descriptor.out_height - 1)[:pixel_bits]),
        ]
        m.d.comb += [
            self.done.eq(done),
            every.eq(
                entry.window.channels & distinct | descriptor.own_weights
                if config.own_weights
                else entry.window.channels & distinct
            ),
            last_pixel.eq(
                Mux(block.last, final_pixel, config.pixels - 1) if config.pixels > 1 else 0
            ),
        ]

        # A block waits for the last input row that it covers.
        covered, ready, started = Signal(position), Signal(), Signal()
        block_step = config.pixels * descriptor.stride_y
        there = covered <= self.filled_rows.as_signed()
        if config.own_weights:
            there = Mux(descriptor.own_weights, self._entry_there(m), there)
        m.d.sync += [
            ready.eq(there | (self.filled_rows >= descriptor.fill_rows)),
            started.eq(1),  # `ready` has seen this block
        ]
        if config.own_weights:  # or this entry, if blocks do not wait
            stays = self.entries.valid & ~self.entries.ready
            m.d.sync += started.eq(~descriptor.own_weights | stays)
        # ends[name]: this column of taps is the last of its tap row, window, output, row, block.
        names = ("tap", "window", "output", "row", "block")
        ends = {name: Signal(name=f"ends_{name}") for name in names}
        m.d.comb += [
            ends["tap"].eq(tap == entry.window.columns - 1),
            ends["window"].eq(
                ends["tap"] & (every | (pixel == last_pixel) if config.pixels > 1 else 1)
            ),
            ends["output"].eq(ends["window"] & entry.last),
            ends["row"].eq(ends["output"] & x.last),
            ends["block"].eq(ends["row"] & group.last),
            stands.eq(self.entries.valid & ready & started & ~done),
            self.issue.eq(stands & self.enable),
            self.entries.ready.eq(self.issue & ends["window"]),
        ]
        keeps = Mux(ends["output"], ~x.last, moved)  # the next window keeps columns of this one
        with m.If(self.issue):
            m.d.sync += tap.eq(Mux(ends["tap"], Mux(keeps, descriptor.keep, 0), tap + 1))
            with m.If(ends["tap"]):
                m.d.sync += pixel.eq(Mux(ends["window"], 0, pixel + 1))
            with m.If(ends["output"]):
                m.d.sync += [*x.step(), moved.eq(~x.last)]
            with m.If(ends["row"]):
                m.d.sync += group.step()
            with m.If(ends["block"]):
                m.d.sync += [
                    *block.step(),
                    covered.eq(covered + block_step),
                    started.eq(0),
                    done.eq(block.last),
                ]
        with m.If(self.begin):
            m.d.sync += [
                tap.eq(0),
                pixel.eq(0),
                moved.eq(0),
                started.eq(0),
                done.eq(0),
                covered.eq(
                    descriptor.span + (config.pixels - 1) * descriptor.stride_y - descriptor.pad_top
                ),
                *block.restart(),
                *group.restart(),
                *x.restart(),
            ]

        # One cycle later: where that is.
        issued = steps.late(self.issue, 1, name="issued")
        ended = {name: steps.late(end, 1, name=f"ended_{name}") for name, end in ends.items()}
        fetch = Signal.like(self.fetch)
        steps.d += [
            fetch.pixel.eq(pixel),
            fetch.every.eq(every),
            fetch.complete.eq(ends["window"]),
            fetch.window.steps_minus_1.eq(entry.window.steps_minus_1),
            fetch.window.channels.eq(entry.window.channels),
            fetch.window.first.eq(entry.first),
            fetch.window.last.eq(entry.last),
            fetch.window.last_pixel.eq(last_pixel),
            fetch.window.group_end.eq(x.last),
            fetch.window.final_group.eq(group.last),
        ]
        offsets = steps.late(entry.window, 1, name="offsets")
        kept = Mux(steps.late(keeps, 1, name="keeps"), descriptor.keep, 0)
        place = follow(m, config, descriptor, self.begin, issued, ended, kept)

        # Two more for additions.
        half = Signal.like(self.fetch)
        dx, offset = Signal.like(offsets.dx), Signal.like(offsets.offset)
        steps.d += [
            half.eq(fetch),
            half.row.eq(place.pixel_row + offsets.dy),
            half.column.eq(place.column + place.tap_column),
            half.unit.eq(place.unit + place.tap_unit),
            dx.eq(offsets.dx),
            offset.eq(offsets.offset),
            self.fetch.eq(half),
            self.fetch.column.eq(half.column + dx),
            self.fetch.unit.eq(half.unit + offset),
            self.valid.eq(self._begun(steps, stands, issued)),
        ]
        # Reads of the block before are still on their way to the line buffers for some cycles.
        low_row = Signal.like(self.low_row)
        m.d.comb += low_row.eq(Mux(place.row < 0, 0, place.row))
        m.d.sync += self.low_row.eq(steps.late(low_row, _READS_UNDER_WAY, name="low_row"))
        return m

    def _entry_there(self, m):
        """Return whether the rows of the entry at hand are there, as of a cycle ago."""
        config, descriptor, entry = self.config, self.descriptor, self.entries.p.window
        # It reads a word of one row, or of each tap row: its ``dy`` is at most the rows less those.
        # Registered, so that only a comparison lies between an entry's arrival and `ready`.
        there = []
        for name, rows in (
            ("word", 1),
            ("taps", (config.tap_rows - 1) * descriptor.dilation_y + 1),
        ):
            reach, most = (
                Signal(position_shape(config), name=f"{n}_{name}") for n in ("reach", "most")
            )
            m.d.sync += [
                reach.eq(descriptor.pad_top - rows),
                most.eq(self.filled_rows.as_signed() + reach),
            ]
            there.append(entry.dy <= most)
        return Mux(entry.channels, *there)

    def _begun(self, steps, stands, issued):
        """Return whether a fetch is half on its way."""
        return steps.late(issued, 1, name="half_valid")


class StandingWalker(Walker):
    """The same for few cells: one fetch at a time, and nothing of it in registers.

    A fetch is valid, and stands still, until ``enable`` says that its column has been taken; then
    follows the next. No latency.
    """

    STEPS = Combinational

    def _begun(self, steps, stands, issued):
        """Return whether there is a fetch."""
        return stands

"""Writer: finds the place in activation memory for each beat of results."""

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.engine.input.loop import Loop
from weft_hw.engine.layouts import descriptor_layout, pixel_shape
from weft_hw.parts.stages import Combinational, Registered

__all__ = ["MacWriter", "Writer"]

# A beat is the last of its pixel, column, group, block, layer.
_ENDS = data.StructLayout(dict.fromkeys(("pixel", "x", "group", "block", "layer"), 1))


class Writer(wiring.Component):
    """Beats arrive in the order in which the walker made their windows, and leave 2 cycles later.

    Output rows, groups of channels, columns, pixels, beats: nested. An element-wise layer is one
    row of ``word_count`` columns, one word each.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1); descriptor : In, constant until ``done``
    valid : In(1); values : In, of [lane]
    enable : Out, a bit per lane; address : Out, in beats; beat : Out, of [lane]
    rows : Out, output rows that are completely written
    done : Out(1), for one cycle, with the last beat of the layer
    """

    STEPS = Registered

    begin: Signal
    descriptor: data.View
    valid: Signal
    values: data.View
    enable: Signal
    address: Signal
    beat: data.View
    rows: Signal
    done: Signal

    def __init__(self, config: Config):
        self.config = config
        beat = data.ArrayLayout(8, config.lanes)
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "valid": In(1),
                "values": In(beat),
                "enable": Out(config.lanes),
                "address": Out(range(config.activation_words * config.beats)),
                "beat": Out(beat),
                "rows": Out(descriptor_layout(config)["out_height"].shape),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        stage = self.STEPS(m)
        elementwise, columns = self._columns()

        # Where the beat that arrives stands in its loops. A block is the output rows of all pixels.
        height = descriptor.out_height
        pixel_bits = config.pixels.bit_length() - 1
        blocks = Mux(elementwise, 1, (height + config.pixels - 1) >> pixel_bits)
        block, group, x = (
            Loop(m, count, name, settled=not stage.CYCLES)
            for count, name in [
                (blocks, "block"),
                (Mux(elementwise, 1, descriptor.groups), "group"),
                (columns, "x"),
            ]
        )
        pixel, beat = Signal(pixel_shape(config)), Signal(range(max(2, config.beats)))
        final_beat, final_pixel = Signal.like(beat), Signal.like(pixel)
        m.d.sync += [
            final_beat.eq(Mux(elementwise, config.beats, descriptor.last_beats) - 1),
            final_pixel.eq(Mux(elementwise, 0, (height - 1)[:pixel_bits])),
        ]
        last_beat = beat == Mux(group.last, final_beat, config.beats - 1)
        last_pixel = Const(1, 1)
        if config.pixels > 1:
            last_pixel = pixel == Mux(block.last, final_pixel, config.pixels - 1)

        ends = Signal(_ENDS)
        m.d.comb += [
            ends.pixel.eq(last_beat),
            ends.x.eq(ends.pixel & last_pixel),
            ends.group.eq(ends.x & x.last),
            ends.block.eq(ends.group & group.last),
            ends.layer.eq(ends.block & block.last),
        ]
        is_first_group = Signal()
        with m.If(self.valid):
            m.d.sync += beat.eq(Mux(ends.pixel, 0, beat + 1))
            with m.If(ends.pixel):
                m.d.sync += pixel.eq(Mux(ends.x, 0, pixel + 1))
            with m.If(ends.x):
                m.d.sync += x.step()
            with m.If(ends.group):
                m.d.sync += [*group.step(), is_first_group.eq(ends.block)]
            with m.If(ends.block):
                m.d.sync += block.step()
        with m.If(self.begin):
            m.d.sync += [beat.eq(0), pixel.eq(0), is_first_group.eq(1)]
            m.d.sync += [*block.restart(), *group.restart(), *x.restart()]

        # One cycle later: its address, and from how far the beat ends the next one's.
        valid, ended, is_first, is_last = Signal(), Signal(_ENDS, name="ended"), Signal(), Signal()
        values = Signal.like(self.values)
        stage.d += [
            valid.eq(self.valid),
            ended.eq(ends),
            values.eq(self.values),
            is_first.eq(is_first_group & (beat == 0)),
            is_last.eq(group.last & last_beat),
        ]
        # Address of this beat, and of where its pixel, column, group and block begin.
        address = Signal.like(self.address)
        pixel_step, block_step = Signal.like(self.address), Signal.like(self.address)
        stage.d += [
            pixel_step.eq(Mux(elementwise, config.beats, descriptor.out_pixel)),
            block_step.eq(descriptor.out_row << pixel_bits),
        ]
        steps = {
            "pixel": descriptor.out_row,
            "x": pixel_step,
            "group": config.beats,
            "block": block_step,
        }
        starts = {
            name: (ended[name], Signal.like(address, name=f"at_{name}"))
            for name in steps
            if name != "pixel" or config.pixels > 1
        }
        start, step = address, Value.cast(1)
        for name, (past, outer) in starts.items():
            start = Mux(past, outer, start)
            step = Mux(past, steps[name], step)
        following = Signal.like(self.address)
        m.d.comb += following.eq(start + step)
        with m.If(valid):
            m.d.sync += address.eq(following)
            for past, outer in starts.values():
                with m.If(past):
                    m.d.sync += outer.eq(following)
            rows_end, rows = ended.block, config.pixels
            if config.own_weights:  # rows of a single column each: one ends with each pixel
                rows_end = Mux(descriptor.own_weights, ended.pixel, ended.block)
                rows = Mux(descriptor.own_weights, 1, config.pixels)
            with m.If(rows_end):
                m.d.sync += self.rows.eq(self.rows + rows)
        with m.If(self.begin):
            m.d.sync += [
                self.rows.eq(0),
                address.eq(descriptor.out_base),
                *(outer.eq(descriptor.out_base) for _, outer in starts.values()),
            ]

        every = (1 << config.lanes) - 1
        lanes = Mux(is_first, descriptor.first_mask, every) & Mux(
            is_last, descriptor.last_mask, every
        )
        stage.d += [
            self.enable.eq(Mux(valid, Mux(elementwise, every, lanes), 0)),
            self.address.eq(address),
            self.beat.eq(values),
            self.done.eq(valid & ended.layer),
        ]
        return m

    def _columns(self):
        """Return whether the layer is element-wise, and its columns."""
        elementwise = self.descriptor.kind == Kind.ELEMENTWISE
        return elementwise, Mux(elementwise, self.descriptor.word_count, self.descriptor.out_width)


class MacWriter(Writer):
    """The same for few cells, where there are no element-wise layers and beats are far apart.

    Everything is decided in the cycle of the beat, which leaves in that cycle.
    """

    STEPS = Combinational

    def _columns(self):
        """Return that the layer is not element-wise, and its columns."""
        return Const(0, 1), self.descriptor.out_width

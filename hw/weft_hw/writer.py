"""Writer: finds the place in activation memory for each beat of results."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.layouts import DESCRIPTOR_LAYOUT, pixel_shape

__all__ = ["Writer"]


class Writer(wiring.Component):
    """Beats arrive in the order in which the walker made their windows, and leave 1 cycle later.

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

    def __init__(self, config: Config):
        self.config = config
        beat = data.ArrayLayout(8, config.lanes)
        super().__init__({
            "begin": In(1),
            "descriptor": In(DESCRIPTOR_LAYOUT),
            "valid": In(1),
            "values": In(beat),
            "enable": Out(config.lanes),
            "address": Out(range(config.activation_words * config.beats)),
            "beat": Out(beat),
            "rows": Out(DESCRIPTOR_LAYOUT["out_height"].shape),
            "done": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        elementwise = descriptor.kind == Kind.ELEMENTWISE

        # Sizes that do not change during the layer, out of the way of the counters.
        columns = Signal.like(descriptor.word_count)
        groups = Signal.like(descriptor.groups)
        height = Signal.like(descriptor.out_height)
        pixel_step = Signal.like(descriptor.out_pixel)
        last_beats = Signal.like(descriptor.last_beats)
        m.d.sync += [
            columns.eq(Mux(elementwise, descriptor.word_count, descriptor.out_width)),
            groups.eq(Mux(elementwise, 1, descriptor.groups)),
            height.eq(Mux(elementwise, 1, descriptor.out_height)),
            pixel_step.eq(Mux(elementwise, config.beats, descriptor.out_pixel)),
            last_beats.eq(Mux(elementwise, config.beats, descriptor.last_beats)),
        ]

        beat, pixel = Signal.like(last_beats), Signal(pixel_shape(config))
        x, group, y = Signal.like(columns), Signal.like(groups), Signal.like(height)
        # Address of this beat, and of where its pixel, column, group and row begin.
        address, at_pixel, at_x, at_group, at_y = (
            Signal.like(self.address, name=name)
            for name in ("address", "at_pixel", "at_x", "at_group", "at_y"))

        last = {name: Signal(name=f"last_{name}")
                for name in ("beat", "pixel", "x", "group", "y")}
        m.d.comb += [
            last["group"].eq(group == groups - 1),
            last["beat"].eq(beat == Mux(last["group"], last_beats, config.beats) - 1),
            last["pixel"].eq((pixel == config.pixels - 1) | (y + pixel == height - 1)),
            last["x"].eq(x == columns - 1),
            last["y"].eq(y + config.pixels >= height),
        ]

        with m.If(self.valid):
            m.d.sync += [beat.eq(beat + 1), address.eq(address + 1)]
            with m.If(last["beat"]):
                below = at_pixel + descriptor.out_row
                m.d.sync += [
                    beat.eq(0), pixel.eq(pixel + 1), address.eq(below), at_pixel.eq(below)]
                with m.If(last["pixel"]):
                    right = at_x + pixel_step
                    m.d.sync += [
                        pixel.eq(0), x.eq(x + 1),
                        address.eq(right), at_pixel.eq(right), at_x.eq(right)]
                    with m.If(last["x"]):
                        deeper = at_group + config.beats
                        m.d.sync += [
                            x.eq(0), group.eq(group + 1), address.eq(deeper),
                            at_pixel.eq(deeper), at_x.eq(deeper), at_group.eq(deeper)]
                        with m.If(last["group"]):
                            lower = (at_y + descriptor.out_row * config.pixels)[:len(at_y)]
                            m.d.sync += [
                                group.eq(0), y.eq(y + config.pixels), address.eq(lower),
                                at_pixel.eq(lower), at_x.eq(lower), at_group.eq(lower),
                                at_y.eq(lower), self.rows.eq(y + config.pixels)]
        with m.If(self.begin):
            m.d.sync += [
                start.eq(descriptor.out_base)
                for start in (address, at_pixel, at_x, at_group, at_y)
            ]
            m.d.sync += [
                counter.eq(0) for counter in (beat, pixel, x, group, y, self.rows)]

        lanes = Signal.like(self.enable)
        every = (1 << config.lanes) - 1
        m.d.comb += lanes.eq(
            Mux((group == 0) & (beat == 0), descriptor.first_mask, every)
            & Mux(last["group"] & last["beat"], descriptor.last_mask, every))
        m.d.sync += [
            self.enable.eq(Mux(self.valid, Mux(elementwise, every, lanes), 0)),
            self.address.eq(address),
            self.beat.eq(self.values),
            self.done.eq(self.valid & last["beat"] & last["pixel"] & last["x"] & last["group"]
                         & last["y"]),
        ]
        return m

"""Collector: holds the results of one output position and hands them out beat by beat."""

from amaranth.hdl import Array, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR
from weft_hw.contract.fields import widths
from weft_hw.engine.compute.accumulator import results_layout
from weft_hw.engine.layouts import beat_layout, pixel_shape, step_layout
from weft_hw.parts.delay import delay

__all__ = ["Collector", "PairCollector", "collected"]


def collected(config: Config) -> dict[str, wiring.Member]:
    """Return the ports by which results come, the same for every collector."""
    return {
        "done": In(step_layout(config)),
        "results": In(results_layout(config)),
        "last_beats": In(widths(DESCRIPTOR)["last_beats"]),
        "parameter_base": In(range(config.parameter_words)),
        "begin": In(1),
    }


class Collector(wiring.Component):
    """Pixel by pixel, ``lanes`` results at a time, each with the index of its parameters.

    Results of pixel ``p`` are taken ``p`` cycles after ``done``, when they are there.

    The first beat is valid 2 cycles after ``done``; then one beat per cycle, ``last_beats`` per
    pixel in the final group of channels and ``columns / lanes`` in the others, without the
    pixels that lie below the output. Nothing stalls: the feeder must leave that many cycles
    between two ``done``.

    With ``own_weights`` the parameters of each pixel, and of each window, follow those of the one
    before.

    Parameters
    ----------
    config : Config

    Members
    -------
    done : In(step_layout(config)); results : In, of [pixel][column]
    own_weights : In(1), constant during a layer, only if ``config.own_weights``
    last_beats : In, as in the descriptor; parameter_base : In(range(parameter_words))
    begin : In(1), a new layer: takes ``parameter_base``
    valid : Out(1); beat : Out(beat_layout(config))
    ahead : Out(1), ``valid`` of the cycle after next
    """

    done: data.View
    results: data.View
    last_beats: Signal
    parameter_base: Signal
    begin: Signal
    valid: Signal
    beat: data.View
    ahead: Signal
    own_weights: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                **collected(config),
                "valid": Out(1),
                "beat": Out(beat_layout(config)),
                "ahead": Out(1),
                **({"own_weights": In(1)} if config.own_weights else {}),
                **self._more_ports(),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        held = Signal.like(self.results, reset_less=True)
        out = Signal.like(self.beat, reset_less=True)
        step = Signal.like(self.done)
        busy = Signal()
        pixel = Signal(pixel_shape(config))
        beat = Signal(range(max(2, config.beats)))
        group = Signal.like(self.parameter_base)  # parameters of this group's first beat

        # Hand out.
        m.d.sync += self.valid.eq(busy)
        m.d.comb += self.beat.eq(out)
        index = (pixel * config.beats + beat)[: (config.pixels * config.beats - 1).bit_length()]
        entry = Mux(self.own_weights, index, beat) if config.own_weights else beat
        m.d.sync += out.parameter.eq(group + entry)
        beat_bits = (config.beats - 1).bit_length()
        # The pixel is chosen first, so that only one result of a column travels to its lane.
        columns = [
            _choose([held[p][column] for p in range(config.pixels)], index[beat_bits:])
            for column in range(config.columns)
        ]
        for lane in range(config.lanes):
            m.d.sync += out.value[lane].eq(Array(columns[lane :: config.lanes])[index[:beat_bits]])
        takes = [(held, self.results), *self._correct(m, out, pixel)]

        last_beat, last_pixel, final_beat = Signal(), Signal(), Signal.like(self.last_beats)
        m.d.sync += final_beat.eq(self.last_beats - 1)
        m.d.comb += last_beat.eq(beat == Mux(step.final_group, final_beat, config.beats - 1))
        m.d.comb += last_pixel.eq(pixel == step.last_pixel)
        m.d.comb += self.ahead.eq(self.done.valid | (busy & ~(last_beat & last_pixel)))
        with m.If(busy):
            m.d.sync += beat.eq(beat + 1)
            with m.If(last_beat):
                m.d.sync += [beat.eq(0), pixel.eq(pixel + 1)]
                with m.If(last_pixel):
                    m.d.sync += [pixel.eq(0), busy.eq(0)]
                    with m.If(step.group_end):
                        m.d.sync += group.eq(
                            Mux(step.final_group, self.parameter_base, group + config.beats)
                        )
                        if config.own_weights:
                            with m.If(self.own_weights):
                                m.d.sync += group.eq(group + config.pixels * config.beats)

        # Take.
        with m.If(self.done.valid):
            m.d.sync += [step.eq(self.done), busy.eq(1)]
        arrived = self.done.valid
        for p in range(config.pixels):
            if p:
                arrived = delay(m, arrived, 1, name=f"arrived_p{p}", apart=True)
            with m.If(arrived):
                m.d.sync += [register[p].eq(source[p]) for register, source in takes]
        with m.If(self.begin):
            m.d.sync += group.eq(self.parameter_base)
        return m

    def _more_ports(self):
        """Return ports that only a variant has."""
        return {}

    def _correct(self, m, out, pixel):
        """Correct the values of ``beat``; return (register, port) of what that takes in."""
        return []


class PairCollector(Collector):
    """The same behind pairs of rows: a result is what is left without its pixel's ``excess``.

    Members
    -------
    excess : In, of [pixel], with the pixel's results; the others as :class:`Collector`'s
    """

    excess: data.View

    def _more_ports(self):
        return {"excess": In(data.ArrayLayout(signed(32), self.config.pixels))}

    def _correct(self, m, out, pixel):
        held, excess = Signal.like(self.excess, reset_less=True), Signal(signed(32))
        m.d.sync += excess.eq(_choose([*held], pixel))
        for lane in range(self.config.lanes):
            m.d.comb += self.beat.value[lane].eq(out.value[lane] - excess)
        return [(held, self.excess)]


def _choose(values, index):
    """Return one of several values, or the only one without a multiplexer."""
    return values[0] if len(values) == 1 else Array(values)[index]

"""Collector of a compact configuration: results leave for the output lanes bit by bit."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.output.collector import collected

__all__ = ["SerialCollector"]


class SerialCollector(wiring.Component):
    """``lanes`` results at a time, each with the index of its parameters.

    The first beat begins 1 cycle after ``done``, the others when ``ready``; there are
    ``last_beats`` of them in the final group of channels and ``columns / lanes`` in the others. The
    feeder must leave as many times ``LANE_CYCLES`` between two ``done``.

    Parameters
    ----------
    config : Config

    Members
    -------
    done : In(step_layout(config)); results : In, of [pixel][column]
    last_beats : In, as in the descriptor; parameter_base : In(range(parameter_words))
    begin : In(1), a new layer: takes ``parameter_base``
    ready, start, takes, bits, parameter : the other side of SerialLanes
    """

    done: data.View
    results: data.View
    last_beats: Signal
    parameter_base: Signal
    begin: Signal
    ready: Signal
    start: Signal
    takes: Signal
    bits: Signal
    parameter: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                **collected(config),
                "ready": In(1),
                "start": Out(1),
                "takes": In(1),
                "bits": Out(config.lanes),
                "parameter": Out(range(config.parameter_words)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        held = [
            Signal(32 * config.beats, name=f"held_{lane}", reset_less=True)
            for lane in range(config.lanes)
        ]
        step = Signal.like(self.done)
        busy = Signal()
        beat = Signal(range(max(2, config.beats)))
        group = Signal.like(self.parameter_base)  # parameters of this group's first beat

        # Hand out.
        last_beat = beat == Mux(step.final_group, self.last_beats - 1, config.beats - 1)
        m.d.comb += [self.start.eq(busy & self.ready), self.bits.eq(Cat(h[0] for h in held))]
        with m.If(self.start):
            m.d.sync += [beat.eq(beat + 1), self.parameter.eq(group + beat)]
            with m.If(last_beat):
                m.d.sync += [beat.eq(0), busy.eq(0)]
                with m.If(step.group_end):
                    m.d.sync += group.eq(
                        Mux(step.final_group, self.parameter_base, group + config.beats)
                    )

        # Take.
        results = self.results[0]
        for lane, chain in enumerate(held):
            with m.If(self.done.valid):
                m.d.sync += chain.eq(
                    Cat(results[h * config.lanes + lane] for h in range(config.beats))
                )
            with m.Elif(self.takes):
                m.d.sync += chain.eq(chain >> 1)
        with m.If(self.done.valid):
            m.d.sync += [step.eq(self.done), busy.eq(1)]
        with m.If(self.begin):
            m.d.sync += group.eq(self.parameter_base)
        return m

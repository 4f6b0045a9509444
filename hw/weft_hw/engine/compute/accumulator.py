"""Accumulators: one 32-bit register per column and pixel below the array."""

from amaranth.hdl import Cat, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.compute.pe import sum_shape
from weft_hw.engine.layouts import step_layout
from weft_hw.parts.delay import delay
from weft_hw.tech.portable import Portable

__all__ = ["Accumulators", "results_layout"]

_MAXIMUM_BITS = 9  # a maximum is taken over single activations times 1


def results_layout(config: Config) -> data.ArrayLayout:
    """One 32-bit result per pixel and column."""
    return data.ArrayLayout(data.ArrayLayout(signed(32), config.columns), config.pixels)


class Accumulators(wiring.Component):
    """Sum (or maximum) of the array's outputs over the steps of one output.

    Sums of pixel ``p`` come ``p`` cycles after their ``step``, as the array has them. Latency is 1
    cycle from the ``last`` step to ``done``; one step per cycle; nothing stalls, so whoever takes
    the ``results`` of pixel ``p`` must do so in the very cycle ``p`` cycles after ``done.valid``. A
    sum that leaves 32 bits wraps, as the reference runtimes' does.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    step : In(step_layout(config)); sums : In, of [pixel][column]
    maximum : In(1), constant while steps are in flight
    done : Out(step_layout(config)), the last step of an output, or not valid
    results : Out, of [pixel][column]
    """

    step: data.View
    sums: data.View
    maximum: Signal
    done: data.View
    results: data.View

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        sums = data.ArrayLayout(data.ArrayLayout(sum_shape(config), config.columns), config.pixels)
        super().__init__(
            {
                "step": In(step_layout(config)),
                "sums": In(sums),
                "maximum": In(1),
                "done": Out(step_layout(config)),
                "results": Out(results_layout(config)),
                **self._more_ports(),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.done.eq(self.step)
        m.d.sync += self.done.valid.eq(self.step.valid & self.step.last)
        valid, first = self.step.valid, self.step.first
        for p in range(self.config.pixels):
            if p:
                valid, first = delay(m, Cat(valid, first), 1, name=f"step_p{p}", apart=True)
            self._sum_more(m, p, valid, first)
            for column in range(self.config.columns):
                value = self.sums[p][column]
                m.submodules[f"p{p}_c{column}"] = accumulator = self.tech.accumulator(
                    sum_shape(self.config), dsp=self.config.compact, dense=self.config.paired
                )
                total = accumulator.total
                larger = Signal(name=f"larger_p{p}_c{column}")
                # A maximum is replaced or kept, so that only sums pass through the adder.
                m.d.comb += [
                    larger.eq(
                        value[:_MAXIMUM_BITS].as_signed() > total[:_MAXIMUM_BITS].as_signed()
                    ),
                    accumulator.value.eq(value),
                    accumulator.enable.eq(valid & (first | ~self.maximum | larger)),
                    accumulator.add.eq(~first & ~self.maximum),
                    self.results[p][column].eq(total),
                ]
        return m

    def _more_ports(self):
        """Return ports that only a variant has."""
        return {}

    def _sum_more(self, m, pixel, valid, first):
        """Sum what a variant needs besides, for each pixel."""

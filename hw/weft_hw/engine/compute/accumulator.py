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
    excess : In, of [pixel], and total_excess : Out, of [pixel], only if ``config.paired``: a sum in
        any case, as a maximum is taken in depthwise layers, where there is none
    """

    step: data.View
    sums: data.View
    maximum: Signal
    done: data.View
    results: data.View
    excess: data.View
    total_excess: data.View

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
                **(
                    {
                        "excess": In(data.ArrayLayout(sum_shape(config), config.pixels)),
                        "total_excess": Out(data.ArrayLayout(signed(32), config.pixels)),
                    }
                    if config.paired
                    else {}
                ),
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
            if self.config.paired:
                m.submodules[f"p{p}_excess"] = accumulator = self.tech.accumulator(
                    sum_shape(self.config)
                )
                m.d.comb += [
                    accumulator.value.eq(self.excess[p]),
                    accumulator.enable.eq(valid),
                    accumulator.add.eq(~first),
                    self.total_excess[p].eq(accumulator.total),
                ]
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

"""Pairs of rows with one multiplication: the parts of the engine as ``Config.paired`` has them.

A :class:`PairElement` takes two rows of the array at once, by the identity that S. Winograd gave
for inner products ("A New Algorithm for Inner Product", IEEE Trans. Computers C-17, 1968)::

    (a0 + w1) * (a1 + w0) = a0 * w0 + a1 * w1 + (a0 * a1 + w0 * w1)

What is too much depends on activations or weights alone: the array sums ``a0 * a1`` once for all
columns (:class:`PairArray`), and the compiler takes the sum of ``w0 * w1`` off
the bias. Where columns have activations of their own, in depthwise layers, one of each pair is 0
(:class:`PairWindowFormer`), and so is the product of two activations.
"""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.compute.accumulator import Accumulators
from weft_hw.engine.compute.array import SystolicArray
from weft_hw.engine.compute.feeder import Feeder
from weft_hw.engine.compute.pe import ProcessingElement, sum_shape
from weft_hw.engine.compute.window import WindowFormer
from weft_hw.parts.delay import delay
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY
from weft_hw.tech.portable import Portable

__all__ = ["PairAccumulators", "PairArray", "PairElement", "PairFeeder", "PairWindowFormer"]


class PairFeeder(Feeder):
    """A feeder that takes no column in the cycle in which a depthwise window starts.

    The second row of a pair is still to take its part of the window in the cycle after.

    Members
    -------
    depthwise : In(1), constant during a layer; the others as :class:`Feeder`'s
    """

    depthwise: Signal

    def _more_ports(self):
        return {"depthwise": In(1)}

    def _makes_room(self, start):
        return start & ~self.depthwise


class PairWindowFormer(WindowFormer):
    """A window former for pairs; latency from ``start`` to ``own`` is 2 cycles.

    Of a pair of rows, a ``depthwise`` window shows the first in its first cycle and the second in
    the next, unless another window has started by then; the other one is 0. No push may come in
    the cycle of its ``start``.

    Members
    -------
    depthwise : In(1); the others as :class:`WindowFormer`'s
    """

    LATE = 1

    depthwise: Signal

    def _more_ports(self):
        return {"depthwise": In(1)}

    def _control(self):
        return super()._control() | {"depthwise": 1}

    def _starts(self, m, name, row, control):
        start = control.start
        if row % 2:
            started = delay(m, start, 1, name=f"started_{name}")
            start = Mux(control.depthwise, started & ~start, start)[: len(start)]
        return start, ~control.depthwise


class PairElement(wiring.Component):
    """``sum_out(t + 4) = sum_in(t + 3) + (a[0] + weight[1]) * (a[1] + weight[0])``, as of ``t``.

    ``a`` are the activations that cross the rows or, with ``depthwise``, the column's own. One
    product of sums per cycle; nothing stalls.

    Parameters
    ----------
    config : Config
    tech : Portable
        Where the multiplier comes from.
    dsp : bool
        Whether to ask for a vendor multiplier instead of fabric.

    Members
    -------
    crossing, own, weight : In(signed(8)).array(2)
    depthwise : In(1)
    sum_in : In(sum_shape(config))
    sum_out : Out(sum_shape(config))
    """

    LATENCY = MULTIPLIER_LATENCY + 1

    crossing: list[Signal]
    own: list[Signal]
    weight: list[Signal]
    depthwise: Signal
    sum_in: Signal
    sum_out: Signal

    def __init__(self, config: Config, tech: Portable, *, dsp: bool = True):
        self.tech, self.dsp = tech, dsp
        super().__init__(
            {
                "crossing": In(signed(8)).array(2),
                "own": In(signed(8)).array(2),
                "weight": In(signed(8)).array(2),
                "depthwise": In(1),
                "sum_in": In(sum_shape(config)),
                "sum_out": Out(sum_shape(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = self.tech.pair_multiplier(dsp=self.dsp)
        for index in range(2):
            m.d.comb += [
                multiplier.x[index].eq(self.crossing[index]),
                multiplier.other[index].eq(self.own[index]),
                multiplier.y[index].eq(self.weight[1 - index]),
            ]
        m.d.comb += multiplier.choose.eq(self.depthwise)
        total = Signal.like(self.sum_out)
        m.d.sync += total.eq(self.sum_in + multiplier.o)
        m.d.comb += self.sum_out.eq(total)
        return m


class PairArray(SystolicArray):
    """An array of :class:`PairElement`; of an odd number of rows, the last one has single ones.

    The sums also contain, for each pair of rows, the product of both weights and that of both
    crossing activations, which ``excess`` gives. Activations come a cycle later, as
    :class:`PairWindowFormer` has them.

    Members
    -------
    excess : Out, of [pixel], with the sums; the others as :class:`SystolicArray`'s
    """

    LATE = PairWindowFormer.LATE

    excess: data.View

    def _more_ports(self):
        return {"excess": Out(data.ArrayLayout(sum_shape(self.config), self.config.pixels))}

    def _element(self, m, name, *, dsp, depthwise, crossing, own, weights):
        if len(weights) == 1:
            return super()._element(
                m,
                name,
                dsp=dsp,
                depthwise=depthwise,
                crossing=crossing,
                own=own,
                weights=weights,
            )
        element = PairElement(self.config, self.tech, dsp=dsp)
        m.d.comb += element.depthwise.eq(depthwise)
        for place in range(2):
            m.d.comb += [
                element.crossing[place].eq(crossing[place]),
                element.own[place].eq(own[place]),
                element.weight[place].eq(weights[place]),
            ]
        return element

    def _sum_crossing(self, m, crossing):
        """Sum the products of two activations of each pixel."""
        behind = self.config.columns // self.config.tile - 1
        for p in range(self.config.pixels):
            excess = self._excess(m, p, crossing[p])
            m.d.comb += self.excess[p].eq(delay(m, excess, behind, name=f"excess_p{p}"))

    def _excess(self, m, pixel, crossing):
        """Chain the products of two activations of one pixel, as one more column would."""
        total = 0
        for rows in self.config.stages:
            if len(rows) == 1:
                return delay(m, total, 1, name=f"excess_p{pixel}_r{rows[0]}")
            element = ProcessingElement(self.config, self.tech, dsp=False)
            m.submodules[f"excess_p{pixel}_r{rows[0]}"] = element
            m.d.comb += [
                element.activation.eq(crossing[rows[0]]),
                element.weight.eq(crossing[rows[1]]),
                element.sum_in.eq(total),
            ]
            total = element.sum_out
        return total


class PairAccumulators(Accumulators):
    """Accumulators with one more for each pixel, for the array's ``excess``.

    That is a sum in any case, as a maximum is taken in depthwise layers, where there is none.

    Members
    -------
    excess : In, of [pixel]; total_excess : Out, of [pixel], with the pixel's results; the others
        as :class:`Accumulators`'
    """

    excess: data.View
    total_excess: data.View

    def _more_ports(self):
        pixels = self.config.pixels
        return {
            "excess": In(data.ArrayLayout(sum_shape(self.config), pixels)),
            "total_excess": Out(data.ArrayLayout(signed(32), pixels)),
        }

    def _sum_more(self, m, pixel, valid, first):
        m.submodules[f"p{pixel}_excess"] = accumulator = self.tech.accumulator(
            sum_shape(self.config)
        )
        m.d.comb += [
            accumulator.value.eq(self.excess[pixel]),
            accumulator.enable.eq(valid),
            accumulator.add.eq(~first),
            self.total_excess[pixel].eq(accumulator.total),
        ]

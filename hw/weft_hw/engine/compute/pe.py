"""Processing elements: one multiplier and its place in the chain of partial sums.

A :class:`PairElement` takes two rows of the array at once, by the identity that S. Winograd gave
for inner products ("A New Algorithm for Inner Product", IEEE Trans. Computers C-17, 1968)::

    (a0 + w1) * (a1 + w0) = a0 * w0 + a1 * w1 + (a0 * a1 + w0 * w1)

What is too much depends on activations or weights alone: the array sums ``a0 * a1`` once for all
columns (``SystolicArray``), and the compiler takes the sum of ``w0 * w1`` off
the bias. Where columns have activations of their own, in depthwise layers, one of each pair is 0
(``WindowFormer``), and so is the product of two activations.
"""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY
from weft_hw.tech.portable import Portable

__all__ = ["PairElement", "ProcessingElement", "sum_shape"]


def sum_shape(config: Config):
    """Shape of a partial sum: no column of products of bytes, or of their sums, overflows it."""
    pairs, single = divmod(config.rows, 2)
    if config.paired:
        return signed(1 + (pairs * (1 << 16) + single * (1 << 14)).bit_length())
    return signed(16 + (config.rows - 1).bit_length())


class ProcessingElement(wiring.Component):
    """``sum_out(t + 4) = sum_in(t + 3) + activation(t) * weight(t)``, one product per cycle.

    The three cycles are the multiplier's own registers, the fourth is the partial sum's; the
    element below therefore works one cycle behind. Nothing stalls.

    Parameters
    ----------
    config : Config
    tech : Portable
        Where the multiplier comes from.
    dsp : bool
        Whether to ask for a vendor multiplier instead of fabric.

    Members
    -------
    activation, weight : In(signed(8))
    sum_in : In(sum_shape(config))
    sum_out : Out(sum_shape(config))
    """

    LATENCY = MULTIPLIER_LATENCY + 1

    activation: Signal
    weight: Signal
    sum_in: Signal
    sum_out: Signal

    def __init__(self, config: Config, tech: Portable, *, dsp: bool = True):
        self.tech, self.dsp, self.dense = tech, dsp, config.paired
        super().__init__(
            {
                "activation": In(signed(8)),
                "weight": In(signed(8)),
                "sum_in": In(sum_shape(config)),
                "sum_out": Out(sum_shape(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiply_add = multiplier = self.tech.multiply_add(
            self.sum_in.shape(), dsp=self.dsp, dense=self.dense
        )
        m.d.comb += [
            multiplier.a.eq(self.activation),
            multiplier.b.eq(self.weight),
            multiplier.addend.eq(self.sum_in),
            self.sum_out.eq(multiplier.o),
        ]
        return m


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

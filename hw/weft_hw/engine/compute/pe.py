"""Processing elements: one multiplier and its place in the chain of partial sums."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY
from weft_hw.tech.portable import Portable

__all__ = ["ProcessingElement", "sum_shape"]


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

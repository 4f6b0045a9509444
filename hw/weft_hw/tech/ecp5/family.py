"""Lattice ECP5 behind the portable signatures; its cells are in the files beside this one."""

from amaranth.hdl import Shape

from weft_hw.tech.ecp5.carry import carry_gated_sum
from weft_hw.tech.ecp5.dense import Ecp5Accumulator, Ecp5DenseMultiplier
from weft_hw.tech.ecp5.late_clock import Ecp5LateClock
from weft_hw.tech.ecp5.memory import Ecp5BlockRam
from weft_hw.tech.ecp5.multiplier import Ecp5Multiplier, Ecp5PairMultiplier, Ecp5WideMultiplier
from weft_hw.tech.ecp5.pll import Ecp5Pll, ecp5_pll_settings
from weft_hw.tech.ecp5.weight_groups import Ecp5WeightGroups
from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.multipliers import Accumulator, Multiplier, WideMultiplier
from weft_hw.tech.nine_bits import NineBitWeightColumn
from weft_hw.tech.portable import Portable

__all__ = ["Ecp5"]


class Ecp5(Portable):
    """Lattice ECP5, for Yosys and nextpnr."""

    name = "ecp5"

    def multiplier(self, *, dsp: bool = True, dense: bool = False) -> Multiplier:
        """Return a MULT18X18D, or with ``dsp`` off a fabric multiplier of about 75 LUTs."""
        if dsp:
            return Ecp5Multiplier()
        return Ecp5DenseMultiplier() if dense else TreeMultiplierByte(carry_gated_sum)

    def pair_multiplier(self, *, dsp: bool = True) -> Ecp5PairMultiplier:
        """Return a MULT18X18D, or with ``dsp`` off about 100 LUTs, behind two adders."""
        return Ecp5PairMultiplier(dsp=dsp)

    def accumulator(self, shape: Shape, *, dsp: bool = False, dense: bool = False) -> Accumulator:
        """Return one with a multiplexer behind its adder, or with ``dense`` a gate in its LUTs."""
        return Ecp5Accumulator(shape) if dense else Accumulator(shape)

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> Ecp5BlockRam:
        """Return a memory of DP16KD blocks."""
        return Ecp5BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(
        self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1, words: int = 1
    ) -> NineBitWeightColumn:
        """Return a weight memory that keeps every ninth row in the parity bits of eight others."""
        kind = NineBitWeightColumn if words == 1 else Ecp5WeightGroups
        return kind(
            rows=rows,
            depth=depth,
            columns=columns,
            at_once=at_once,
            words=words,
            block_ram=self.block_ram,
        )

    def wide_multiplier(self, a: Shape, b: Shape, *, dsp: bool = False) -> WideMultiplier:
        """Return a multiplier of carry chains, or with ``dsp`` one of four MULT18X18D."""
        return Ecp5WideMultiplier(a, b) if dsp else TreeMultiplier(a, b, carry_gated_sum)

    def pll(self, port, *, input_hz: float, wanted_hz: float) -> Ecp5Pll:
        """Return the PLL that makes ``wanted_hz`` or a little less from the oscillator's pin."""
        return Ecp5Pll(port, ecp5_pll_settings(input_hz, wanted_hz))

    def late_clock(self, port, *, domain: str, seconds: float) -> Ecp5LateClock:
        """Return what brings the clock of ``domain`` to a pin, so much later than data."""
        return Ecp5LateClock(port, domain=domain, seconds=seconds)

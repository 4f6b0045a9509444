"""Gowin GW1N and GW2A behind the portable signatures; cells are in the files beside this one."""

from amaranth.hdl import Shape

from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.gowin.memory import GowinBlockRam
from weft_hw.tech.gowin.multiplier import GowinMultiplier, GowinWideMultiplier
from weft_hw.tech.gowin.pll import GowinPll, gowin_pll_settings
from weft_hw.tech.memories import WeightColumn
from weft_hw.tech.multipliers import Multiplier, WideMultiplier
from weft_hw.tech.nine_bits import NineBitWeightColumn
from weft_hw.tech.portable import Portable

__all__ = ["Gowin"]


class Gowin(Portable):
    """Gowin GW1N and GW2A, for Yosys, nextpnr and Project Apicula."""

    name = "gowin"

    def multiplier(self, *, dsp: bool = True, dense: bool = False) -> Multiplier:
        """Return a MULT9X9, or with ``dsp`` off a fabric multiplier."""
        return GowinMultiplier() if dsp else TreeMultiplierByte()

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> GowinBlockRam:
        """Return a memory of SDPB or SDPX9B blocks."""
        return GowinBlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(
        self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1, words: int = 1
    ) -> WeightColumn:
        """Return a weight memory that keeps every ninth row in the ninth bits of eight others.

        With several ``words`` a row has bytes of its own.
        """
        kind = NineBitWeightColumn if words == 1 else WeightColumn
        return kind(
            rows=rows,
            depth=depth,
            columns=columns,
            at_once=at_once,
            words=words,
            block_ram=self.block_ram,
        )

    def wide_multiplier(self, a: Shape, b: Shape, *, dsp: bool = False) -> WideMultiplier:
        """Return a multiplier of carry chains, or with ``dsp`` one of four MULT18X18."""
        return GowinWideMultiplier(a, b) if dsp else TreeMultiplier(a, b)

    def pll(self, port, *, input_hz: float, wanted_hz: float) -> GowinPll:
        """Return the PLL that makes ``wanted_hz`` or a little less from the oscillator's pin."""
        settings = gowin_pll_settings(input_hz, wanted_hz)
        return GowinPll(port, settings, input_hz=input_hz)

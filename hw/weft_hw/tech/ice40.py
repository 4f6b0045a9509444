"""Lattice iCE40 UltraPlus: SB_MAC16 and SB_RAM40_4K behind the portable signatures.

Port and parameter names are those of Lattice's "DSP Function Usage Guide for iCE40 Devices".
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal

from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.ice40_memory import Ice40BlockRam
from weft_hw.tech.ice40_pll import Ice40Pll, ice40_pll_settings
from weft_hw.tech.portable import FabricMultiplier, Multiplier, Portable, WeightColumn

__all__ = ["Ice40", "Ice40Multiplier"]


class Ice40Multiplier(Multiplier):
    """:class:`Multiplier` in the upper half of one SB_MAC16.

    Its registers are those behind the inputs, behind the 8x8 product, and behind the adder, which
    adds a constant zero.
    """

    def elaborate(self, platform):
        m = Module()
        result = Signal(32)
        low = {name: Const(0, 1) for name in (
            "i_AHOLD", "i_BHOLD", "i_CHOLD", "i_DHOLD", "i_IRSTTOP", "i_IRSTBOT", "i_ORSTTOP",
            "i_ORSTBOT", "i_OLOADTOP", "i_OLOADBOT", "i_ADDSUBTOP", "i_ADDSUBBOT", "i_OHOLDTOP",
            "i_OHOLDBOT", "i_CI", "i_ACCUMCI", "i_SIGNEXTIN")}
        high = {f"p_{name}": Const(1, 1) for name in (
            "A_REG", "B_REG", "TOP_8x8_MULT_REG", "MODE_8x8", "A_SIGNED", "B_SIGNED",
            "TOPADDSUB_UPPERINPUT")}
        m.submodules.dsp = Instance(
            "SB_MAC16", **low, **high, i_CLK=ClockSignal(), i_CE=Const(1, 1),
            i_A=Cat(Const(0, 8), self.a), i_B=Cat(Const(0, 8), self.b),
            i_C=Const(0, 16), i_D=Const(0, 16),
            p_TOPADDSUB_LOWERINPUT=Const(1, 2),  # the 8x8 product
            p_TOPOUTPUT_SELECT=Const(1, 2),  # the adder's register
            o_O=result,
        )
        m.d.comb += self.o.eq(result[16:])
        return m


class Ice40(Portable):
    """Lattice iCE40 UltraPlus, for Yosys and nextpnr."""

    name = "ice40"

    def multiplier(self, *, dsp: bool = True) -> Multiplier:
        """Return the upper half of an SB_MAC16, or with ``dsp`` off a fabric multiplier."""
        return Ice40Multiplier() if dsp else TreeMultiplierByte()

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> Ice40BlockRam:
        """Return a memory of SB_RAM40_4K blocks."""
        return Ice40BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(self, *, rows: int, depth: int, columns: int = 1) -> WeightColumn:
        """Return a weight memory of one such memory for each byte."""
        return WeightColumn(rows=rows, depth=depth, columns=columns, block_ram=self.block_ram)

    def fabric_multiplier(self, a: Shape, b: Shape) -> FabricMultiplier:
        """Return a multiplier of carry chains."""
        return TreeMultiplier(a, b)

    def pll(self, port, *, input_hz: float, wanted_hz: float) -> Ice40Pll:
        """Return the PLL that makes ``wanted_hz`` or a little less from the oscillator's pin."""
        return Ice40Pll(port, ice40_pll_settings(input_hz, wanted_hz))

"""Lattice iCE40 UltraPlus: SB_MAC16, block RAM and SPRAM behind the portable signatures.

Port and parameter names are those of Lattice's "DSP Function Usage Guide for iCE40 Devices".
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal, Value

from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.ice40.memory import Ice40BlockRam, Ice40SpramColumn
from weft_hw.tech.ice40.pll import Ice40Pll, ice40_pll_settings
from weft_hw.tech.memories import WeightColumn
from weft_hw.tech.multipliers import Accumulator, Multiplier, MultiplyAdd, WideMultiplier
from weft_hw.tech.portable import Portable

__all__ = ["Ice40", "Ice40Accumulator", "Ice40Multiplier", "Ice40MultiplyAdd"]

_SPRAMS = 4
_BLOCK_WORDS = 512  # bytes of a block RAM


class Ice40Multiplier(Multiplier):
    """:class:`Multiplier` in the upper half of one SB_MAC16.

    Its registers are those behind the inputs, behind the 8x8 product, and behind the adder, which
    adds a constant zero.
    """

    def elaborate(self, platform):
        m = Module()
        registers = {
            f"p_{name}": Const(1, 1)
            for name in (
                "A_REG",
                "B_REG",
                "TOP_8x8_MULT_REG",
                "MODE_8x8",
                "A_SIGNED",
                "B_SIGNED",
                "TOPADDSUB_UPPERINPUT",
            )
        }
        m.submodules.dsp, result = _block(
            i_A=Cat(Const(0, 8), self.a),
            i_B=Cat(Const(0, 8), self.b),
            **registers,
            p_TOPADDSUB_LOWERINPUT=Const(1, 2),  # the 8x8 product
            p_TOPOUTPUT_SELECT=Const(1, 2),
        )  # the adder's register
        m.d.comb += self.o.eq(result[16:])
        return m


def _block(**given) -> tuple[Instance, Signal]:
    """Return an SB_MAC16, whose inputs are 0 but for its enable and those given, and its output."""
    low = {
        name: Const(0, 1)
        for name in (
            "i_AHOLD",
            "i_BHOLD",
            "i_CHOLD",
            "i_DHOLD",
            "i_IRSTTOP",
            "i_IRSTBOT",
            "i_ORSTTOP",
            "i_ORSTBOT",
            "i_OLOADTOP",
            "i_OLOADBOT",
            "i_ADDSUBTOP",
            "i_ADDSUBBOT",
            "i_OHOLDTOP",
            "i_OHOLDBOT",
            "i_CI",
            "i_ACCUMCI",
            "i_SIGNEXTIN",
        )
    }
    operands = {f"i_{name}": Const(0, 16) for name in "ABCD"}
    result = Signal(32)
    ports = low | operands | {"i_CLK": ClockSignal(), "i_CE": Const(1, 1), "o_O": result} | given
    return Instance("SB_MAC16", **ports), result


# Both adders in a chain, both output registers.
_WIDE_ADDER = {
    "p_TOPADDSUB_CARRYSELECT": Const(2, 2),
    "p_TOPOUTPUT_SELECT": Const(1, 2),
    "p_BOTOUTPUT_SELECT": Const(1, 2),
}


def _halves(value: Signal) -> tuple[Value, Value]:
    """Sign-extend to 32 bits; return the upper and the lower half."""
    extended = Cat(value, value[-1].replicate(32 - len(value)))
    return extended[16:], extended[:16]


class Ice40MultiplyAdd(MultiplyAdd):
    """:class:`MultiplyAdd` in one SB_MAC16: a 16x16 multiplier, all its registers, an adder."""

    def elaborate(self, platform):
        m = Module()
        _, a = _halves(self.a)
        _, b = _halves(self.b)
        high, low = _halves(self.addend)
        registers = {
            f"p_{name}": Const(1, 1)
            for name in (
                "A_REG",
                "B_REG",
                "TOP_8x8_MULT_REG",
                "BOT_8x8_MULT_REG",
                "PIPELINE_16x16_MULT_REG1",
                "PIPELINE_16x16_MULT_REG2",
                "A_SIGNED",
                "B_SIGNED",
                "TOPADDSUB_UPPERINPUT",
                "BOTADDSUB_UPPERINPUT",
            )
        }
        m.submodules.dsp, total = _block(
            i_A=a,
            i_B=b,
            i_C=high,
            i_D=low,
            **registers,
            **_WIDE_ADDER,
            p_TOPADDSUB_LOWERINPUT=Const(2, 2),
            p_BOTADDSUB_LOWERINPUT=Const(2, 2),
        )
        m.d.comb += self.o.eq(total)
        return m


class Ice40Accumulator(Accumulator):
    """:class:`Accumulator` in the adder and the output register of one SB_MAC16."""

    def elaborate(self, platform):
        m = Module()
        high, low = _halves(self.value)
        m.submodules.dsp, total = _block(
            i_A=high,
            i_B=low,
            i_C=high,
            i_D=low,
            **_WIDE_ADDER,
            i_OLOADTOP=~self.add,
            i_OLOADBOT=~self.add,
            i_OHOLDTOP=~self.enable,
            i_OHOLDBOT=~self.enable,
        )
        m.d.comb += self.total.eq(total)
        return m


class Ice40(Portable):
    """Lattice iCE40 UltraPlus, for Yosys and nextpnr."""

    name = "ice40"

    def multiplier(self, *, dsp: bool = True, dense: bool = False) -> Multiplier:
        """Return the upper half of an SB_MAC16, or with ``dsp`` off a fabric multiplier."""
        return Ice40Multiplier() if dsp else TreeMultiplierByte()

    def multiply_add(self, shape: Shape, *, dsp: bool = True, dense: bool = False) -> MultiplyAdd:
        """Return an SB_MAC16, or with ``dsp`` off a fabric multiplier and adder."""
        return Ice40MultiplyAdd(shape) if dsp else super().multiply_add(shape, dsp=False)

    def accumulator(self, shape: Shape, *, dsp: bool = False, dense: bool = False) -> Accumulator:
        """Return the adder of an SB_MAC16, or with ``dsp`` off one of fabric."""
        return Ice40Accumulator(shape) if dsp else Accumulator(shape)

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> Ice40BlockRam:
        """Return a memory of SB_RAM40_4K blocks."""
        return Ice40BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(
        self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1, words: int = 1
    ) -> WeightColumn:
        """Return a memory of such blocks or, for two columns of many words, of SPRAM."""
        single = words == 1
        if (
            single
            and columns == 2
            and rows <= _SPRAMS
            and _BLOCK_WORDS < depth <= Ice40SpramColumn.DEPTH
        ):
            return Ice40SpramColumn(rows=rows, depth=depth, columns=columns, at_once=at_once)
        return WeightColumn(
            rows=rows,
            depth=depth,
            columns=columns,
            at_once=at_once,
            words=words,
            block_ram=self.block_ram,
        )

    def wide_multiplier(self, a: Shape, b: Shape, *, dsp: bool = False) -> WideMultiplier:
        """Return a multiplier of carry chains in any case."""
        return TreeMultiplier(a, b)

    def pll(self, port, *, input_hz: float, wanted_hz: float) -> Ice40Pll:
        """Return the PLL that makes ``wanted_hz`` or a little less from the oscillator's pin."""
        return Ice40Pll(port, ice40_pll_settings(input_hz, wanted_hz))

"""Lattice ECP5: MULT18X18D, carry chains and DP16KD behind the portable signatures.

Port and parameter names are those of Lattice's usage guides for ECP5: sysDSP (FPGA-TN-02205) and
memory (FPGA-TN-02204).
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal, Value

from weft_hw.tech.ecp5_memory import Ecp5BlockRam, Ecp5WeightColumn
from weft_hw.tech.ecp5_pll import Ecp5Pll, ecp5_pll_settings
from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.portable import FabricMultiplier, Multiplier, Portable

__all__ = ["Ecp5", "Ecp5Multiplier", "carry_gated_sum"]

_OPERAND_BITS, _PRODUCT_BITS = 18, 36
_GATED_XOR = 0x7888  # (A & B) ^ (C & D); the low four bits, A & B, are the carry if that is 0


class Ecp5Multiplier(Multiplier):
    """:class:`Multiplier` in one MULT18X18D with its input, pipeline and output registers.

    Operands are left-aligned, so that no sign bits need wires: the low bits are constants.
    """

    def elaborate(self, platform):
        m = Module()
        product = Signal(_PRODUCT_BITS)
        ports: dict[str, Value] = {}
        for name, operand in [("A", self.a), ("B", self.b)]:
            aligned = Cat(Const(0, _OPERAND_BITS - len(operand)), operand)
            for bit in range(_OPERAND_BITS):
                ports[f"i_{name}{bit}"] = aligned[bit]
                ports[f"i_C{bit}"] = Const(0, 1)
        for bit in range(_PRODUCT_BITS):
            ports[f"o_P{bit}"] = product[bit]
        for index in range(4):
            ports[f"i_CLK{index}"] = ClockSignal() if index == 0 else Const(0, 1)
            ports[f"i_CE{index}"] = Const(1, 1)
            ports[f"i_RST{index}"] = Const(0, 1)
        m.submodules.dsp = Instance(
            "MULT18X18D", **ports,
            i_SIGNEDA=Const(1, 1), i_SIGNEDB=Const(1, 1), i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1), p_REG_INPUTA_CLK="CLK0", p_REG_INPUTB_CLK="CLK0",
            p_REG_PIPELINE_CLK="CLK0", p_REG_OUTPUT_CLK="CLK0", p_GSR="DISABLED",
        )
        m.d.comb += self.o.eq(product[-len(self.o):])
        return m


def carry_gated_sum(
    m: Module, x: Value, x_gate: Value, y: Value, y_gate: Value, carry: Value
) -> Value:
    """Return :func:`weft_hw.tech.fabric.gated_sum` in one chain of CCU2C.

    The gates use up the LUTs that stand before the carry chain anyway, which yosys does not do.
    """
    width = len(x)
    total = Signal(width + width % 2)

    def add(index: int) -> dict[str, Value]:
        if index >= width:
            return {name: Const(0, 1) for name in "ABCD"}
        return {"A": x[index], "B": Value.cast(x_gate), "C": y[index], "D": Value.cast(y_gate)}

    for index in range(0, width, 2):
        ports = {f"i_{name}{half}": value for half in range(2)
                 for name, value in add(index + half).items()}
        following = Signal(name=f"carry_{index}")
        if index + 2 < width:
            ports["o_COUT"] = following
        m.submodules += Instance(
            "CCU2C", p_INIT0=Const(_GATED_XOR, 16), p_INIT1=Const(_GATED_XOR, 16),
            p_INJECT1_0="NO", p_INJECT1_1="NO", i_CIN=Value.cast(carry), **ports,
            o_S0=total[index], o_S1=total[index + 1],
        )
        carry = following
    return total[:width]


class Ecp5(Portable):
    """Lattice ECP5, for Yosys and nextpnr."""

    name = "ecp5"

    def multiplier(self, *, dsp: bool = True) -> Multiplier:
        """Return a MULT18X18D, or with ``dsp`` off a fabric multiplier of about 75 LUTs."""
        return Ecp5Multiplier() if dsp else TreeMultiplierByte(carry_gated_sum)

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> Ecp5BlockRam:
        """Return a memory of DP16KD blocks."""
        return Ecp5BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(self, *, rows: int, depth: int, columns: int = 1) -> Ecp5WeightColumn:
        """Return a weight memory that keeps every ninth row in the parity bits of eight others."""
        return Ecp5WeightColumn(rows=rows, depth=depth, columns=columns)

    def fabric_multiplier(self, a: Shape, b: Shape) -> FabricMultiplier:
        """Return a multiplier of carry chains."""
        return TreeMultiplier(a, b, carry_gated_sum)

    def pll(self, port, *, input_hz: float, wanted_hz: float) -> Ecp5Pll:
        """Return the PLL that makes ``wanted_hz`` or a little less from the oscillator's pin."""
        return Ecp5Pll(port, ecp5_pll_settings(input_hz, wanted_hz))

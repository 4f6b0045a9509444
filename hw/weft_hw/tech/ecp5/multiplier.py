"""Multipliers of Lattice ECP5 that take the block MULT18X18D.

Port and parameter names are those of Lattice's usage guide for sysDSP (FPGA-TN-02205).
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value

from weft_hw.tech.ecp5.carry import CHOSEN_XOR, extend, sums
from weft_hw.tech.ecp5.dense import dense_product
from weft_hw.tech.halves import HalvesMultiplier
from weft_hw.tech.multipliers import Multiplier, PairMultiplier

__all__ = ["Ecp5Multiplier", "Ecp5PairMultiplier", "Ecp5WideMultiplier"]

_OPERAND_BITS, _PRODUCT_BITS = 18, 36


def _block(m: Module, a: Value, b: Value, name: str = "dsp") -> Value:
    """Return the product, 3 cycles later, of a MULT18X18D with all its registers.

    Operands are left-aligned, so that no sign bits need wires: the low bits are constants.
    """
    product = Signal(_PRODUCT_BITS)
    ports: dict[str, Value] = {}
    for port, operand in [("A", a), ("B", b)]:
        aligned = Cat(Const(0, _OPERAND_BITS - len(operand)), operand)
        for bit in range(_OPERAND_BITS):
            ports[f"i_{port}{bit}"] = aligned[bit]
            ports[f"i_C{bit}"] = Const(0, 1)
    for bit in range(_PRODUCT_BITS):
        ports[f"o_P{bit}"] = product[bit]
    # Each of the constants here takes a wire; clocks and controls that no register names are open.
    m.submodules[name] = Instance(
        "MULT18X18D",
        **ports,
        i_CLK0=ClockSignal(),
        i_CE0=Const(1, 1),
        i_RST0=Const(0, 1),
        i_SIGNEDA=Const(1, 1),
        i_SIGNEDB=Const(1, 1),
        i_SOURCEA=Const(0, 1),
        i_SOURCEB=Const(0, 1),
        p_REG_INPUTA_CLK="CLK0",
        p_REG_INPUTB_CLK="CLK0",
        p_REG_PIPELINE_CLK="CLK0",
        p_REG_OUTPUT_CLK="CLK0",
        p_GSR="DISABLED",
    )
    return product[-len(a) - len(b) :].as_signed()


class Ecp5Multiplier(Multiplier):
    """:class:`Multiplier` in one MULT18X18D."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(_block(m, self.a, self.b))
        return m


class Ecp5PairMultiplier(PairMultiplier):
    """:class:`PairMultiplier` of carry chains in front of a MULT18X18D, or of carry chains alone.

    The choice takes the LUTs that stand before the first chains anyway. Without a multiplier
    block it costs about 100 LUTs more.

    Parameters
    ----------
    dsp : bool
        Whether to take a MULT18X18D.
    """

    def __init__(self, *, dsp: bool):
        super().__init__()
        self._dsp = dsp

    def elaborate(self, platform):
        m = Module()
        width = 9
        a, b = sums(
            m,
            *(
                (
                    [
                        (CHOSEN_XOR, y, self.choose, other, x)
                        for x, other, y in zip(
                            extend(self.x[index], width),
                            extend(self.other[index], width),
                            extend(self.y[index], width),
                            strict=True,
                        )
                    ],
                    Const(0, 1),
                )
                for index in range(2)
            ),
        )
        m.d.comb += self.o.eq(_block(m, a, b) if self._dsp else dense_product(m, a, b))
        return m


class Ecp5WideMultiplier(HalvesMultiplier):
    """:class:`HalvesMultiplier` of MULT18X18D."""

    block = staticmethod(_block)

"""Multipliers of Gowin's DSP blocks, each of which is four MULT9X9 or two MULT18X18.

Port and parameter names are those of Gowin's DSP user guide (UG287).
"""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value

from weft_hw.tech.halves import HalvesMultiplier
from weft_hw.tech.multipliers import Multiplier

__all__ = ["GowinMultiplier", "GowinWideMultiplier"]


def _block(m: Module, a: Value, b: Value, name: str = "dsp") -> Value:
    """Return the signed product, 3 cycles later, of the smallest block that has room for it.

    All registers are the block's own. Nextpnr has no delays of these blocks: it does not check the
    wires to their inputs, nor what lies between their outputs and the next register.
    """
    side = 9 if max(len(a), len(b)) <= 9 else 18
    product = Signal(2 * side)
    ports: dict[str, Value] = {}
    for port, operand in [("A", a), ("B", b)]:
        # Left-aligned, so that no sign bits need wires: the low bits are constants.
        ports[f"i_{port}"] = Cat(Const(0, side - len(operand)), operand)
        ports[f"i_SI{port}"] = Const(0, side)
        ports[f"i_{port}SIGN"] = Const(1, 1)
        ports[f"i_{port}SEL"] = Const(0, 1)
    m.submodules[name] = Instance(
        f"MULT{side}X{side}",
        **ports,
        i_CE=Const(1, 1),
        i_CLK=ClockSignal(),
        i_RESET=Const(0, 1),
        o_DOUT=product,
        p_AREG=Const(1, 1),
        p_BREG=Const(1, 1),
        p_OUT_REG=Const(1, 1),
        p_PIPE_REG=Const(1, 1),
        p_ASIGN_REG=Const(0, 1),
        p_BSIGN_REG=Const(0, 1),
        p_SOA_REG=Const(0, 1),
        p_MULT_RESET_MODE="SYNC",
    )
    return product[-len(a) - len(b) :].as_signed()


class GowinMultiplier(Multiplier):
    """:class:`Multiplier` in one MULT9X9."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(_block(m, self.a, self.b))
        return m


class GowinWideMultiplier(HalvesMultiplier):
    """:class:`HalvesMultiplier` of MULT18X18."""

    block = staticmethod(_block)

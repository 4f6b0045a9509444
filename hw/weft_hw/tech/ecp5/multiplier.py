"""Multipliers of Lattice ECP5 that take the block MULT18X18D.

Port and parameter names are those of Lattice's usage guide for sysDSP (FPGA-TN-02205).
"""

from itertools import product

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.ecp5.carry import CHOSEN_XOR, extend, sums
from weft_hw.tech.ecp5.dense import dense_product
from weft_hw.tech.multipliers import (
    MULTIPLIER_LATENCY,
    Multiplier,
    PairMultiplier,
    WideMultiplier,
)

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


class Ecp5WideMultiplier(WideMultiplier):
    """:class:`WideMultiplier` of two unsigned operands up to 33 bits, in four MULT18X18D."""

    _HALF = 16  # bits of the lower halves

    def __init__(self, a: Shape, b: Shape):
        low, high = sorted((a.width, b.width))
        if a.signed or b.signed or low <= self._HALF or high > 2 * self._HALF + 1:
            raise ValueError(f"four MULT18X18D do not multiply {a!r} by {b!r}")
        super().__init__(a, b)
        self.latency = MULTIPLIER_LATENCY + 1

    def elaborate(self, platform):
        m = Module()
        half = self._HALF
        low, middle, other, high = (
            _block(m, Cat(self.a[a], 0), Cat(self.b[b], 0), name=f"dsp_{index}")
            for index, (a, b) in enumerate(product((slice(half), slice(half, None)), repeat=2))
        )
        # The outer products lie beside each other.
        outer, inner = Signal.like(self.o), Signal(2 * half + 2)
        nudge: Value = Const(0, 1)
        if "nudge" in self.signature.members:
            nudge = delay(m, self.nudge, MULTIPLIER_LATENCY, name="nudge")
        place = len(self.b) - 1
        beside = Cat(low[: 2 * half], high)
        m.d.sync += [
            outer.eq(Cat(beside[:place], beside[place:] + nudge)),
            inner.eq(middle.as_unsigned() + other.as_unsigned()),
        ]
        m.d.comb += self.o.eq(Cat(outer[:half], (outer[half:] + inner)[: len(self.o) - half]))
        return m

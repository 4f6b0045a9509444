"""Multipliers of Lattice ECP5: MULT18X18D, and what carry chains do in its place.

Port and parameter names are those of Lattice's usage guides for ECP5: sysDSP (FPGA-TN-02205) and
slices (FPGA-TN-02187).
"""

from collections.abc import Sequence
from itertools import product

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal, Value, signed

from weft_hw.delay import delay
from weft_hw.tech.multipliers import (
    MULTIPLIER_LATENCY,
    Accumulator,
    Multiplier,
    PairMultiplier,
    WideMultiplier,
)

__all__ = [
    "Ecp5Accumulator",
    "Ecp5Multiplier",
    "Ecp5PairMultiplier",
    "Ecp5WideMultiplier",
    "carry_gated_sum",
]

_OPERAND_BITS, _PRODUCT_BITS = 18, 36

# Tables of a carry chain's LUTs, which have to give A where C and D are 0: that is the carry if
# the LUT's output is 0.
_GATED_XOR = 0x7888  # (A & B) ^ (C & D): the carry is A & B, which is as good
_XOR = 0x66AA  # A ^ (D & B)
_CHOSEN_XOR = 0x596A  # A ^ (B ? C : D)
_COMPLEMENT_XOR = 0x9A9A  # A ^ (C & ~B)
_FIRST = 0x000A  # with D = 1: the carry is A, whatever comes in

_Half = tuple[int, Value, Value, Value, Value]  # table, A, B, C, D


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
        "MULT18X18D", **ports, i_CLK0=ClockSignal(), i_CE0=Const(1, 1), i_RST0=Const(0, 1),
        i_SIGNEDA=Const(1, 1), i_SIGNEDB=Const(1, 1), i_SOURCEA=Const(0, 1),
        i_SOURCEB=Const(0, 1), p_REG_INPUTA_CLK="CLK0", p_REG_INPUTB_CLK="CLK0",
        p_REG_PIPELINE_CLK="CLK0", p_REG_OUTPUT_CLK="CLK0", p_GSR="DISABLED",
    )
    return product[-len(a) - len(b):].as_signed()


class Ecp5Multiplier(Multiplier):
    """:class:`Multiplier` in one MULT18X18D."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(_block(m, self.a, self.b))
        return m


def _chain(m: Module, halves: Sequence[_Half], carry: Value) -> Value:
    """Return the sum bits of a chain of CCU2C, two halves each.

    Where one half is left over, it brings in the carry, for which nextpnr would take a CCU2C.
    """
    zero, one = Const(0, 1), Const(1, 1)
    odd = len(halves) % 2
    if odd:
        halves = [(_FIRST, carry, zero, zero, one), *halves]
    total = Signal(len(halves))
    chained = None if odd else carry
    for index in range(0, len(halves), 2):
        ports: dict[str, Value] = {}
        for half in range(2):
            ports |= {f"p_INIT{half}": Const(halves[index + half][0], 16)}
            ports |= {f"i_{name}{half}": Value.cast(value)
                      for name, value in zip("ABCD", halves[index + half][1:], strict=True)}
        if chained is not None:
            ports["i_CIN"] = Value.cast(chained)
        chained = Signal(name=f"carry_{index}")
        if index + 2 < len(halves):
            ports["o_COUT"] = chained
        m.submodules += Instance(
            "CCU2C", p_INJECT1_0="NO", p_INJECT1_1="NO", **ports,
            o_S0=total[index], o_S1=total[index + 1])
    return total[odd:]


def carry_gated_sum(
    m: Module, x: Value, x_gate: Value, y: Value, y_gate: Value, carry: Value
) -> Value:
    """Return :func:`weft_hw.tech.fabric.gated_sum` in one chain of CCU2C.

    The gates use up the LUTs that stand before the carry chain anyway, which yosys does not do.
    """
    halves = [(_GATED_XOR, x[index], x_gate, y[index], y_gate) for index in range(len(x))]
    return _chain(m, halves, carry)


def _extend(value: Value, width: int) -> list[Value]:
    """Return the bits of ``value``, sign-extended to ``width``."""
    return [value[min(index, len(value) - 1)] for index in range(width)]


def _add(m: Module, low: Value, high: Value, shift: int, width: int) -> Value:
    """Return ``low + (high << shift)`` in ``width`` bits."""
    halves = [(_XOR, x, y, Const(0, 1), Const(1, 1)) for x, y in zip(
        _extend(low[shift:], width - shift), _extend(high, width - shift), strict=True)]
    return Cat(low[:shift], _chain(m, halves, Const(0, 1)))


class Ecp5PairMultiplier(PairMultiplier):
    """:class:`PairMultiplier` of carry chains in front of a MULT18X18D, or of carry chains alone.

    The choice takes the LUTs that stand before the first chains anyway. Without a multiplier
    block it costs about 100 LUTs more: two bits of one sum make a row of partial products, as in
    :class:`~weft_hw.tech.fabric.TreeMultiplier`, but four rows are added up between two registers.

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
        a, b = (
            _chain(m, [
                (_CHOSEN_XOR, y, self.choose, other, x) for x, other, y in zip(
                    _extend(self.x[index], width), _extend(self.other[index], width),
                    _extend(self.y[index], width), strict=True)
            ], Const(0, 1)) for index in range(2)
        )  # fmt: skip
        m.d.comb += self.o.eq(_block(m, a, b) if self._dsp else self._tree(m, a, b))
        return m

    def _tree(self, m: Module, a: Value, b: Value) -> Value:
        """Return the product, 3 cycles later, of two signed 9-bit values."""
        factor, gates = Signal(signed(len(a))), Signal(signed(len(b)))
        m.d.sync += [factor.eq(a), gates.eq(b)]
        width = len(a) + 2
        once = Cat(*_extend(factor, width))
        rows = [carry_gated_sum(m, once, gates[k], Cat(0, once)[:width], gates[k + 1], Const(0, 1))
                for k in range(0, len(b) - 1, 2)]  # fmt: skip
        low, high = (_add(m, rows[k], rows[k + 1], 2, len(a) + 4) for k in (0, 2))
        # The sign bit weighs -1: the complement and one for the carry.
        width = len(high) - 4 + 1
        high = Cat(high[:4], _chain(m, [
            (_COMPLEMENT_XOR, x, y, gates[-1], Const(0, 1))
            for x, y in zip(_extend(high[4:], width), _extend(factor, width), strict=True)
        ], gates[-1]))  # fmt: skip
        low_sum, high_sum = Signal(signed(len(low))), Signal(signed(len(high)))
        product = Signal.like(self.o)
        m.d.sync += [
            low_sum.eq(low), high_sum.eq(high),
            product.eq(_add(m, low_sum, high_sum, 4, len(product))),
        ]
        return product


class Ecp5Accumulator(Accumulator):
    """:class:`Accumulator` in one chain of CCU2C, whose LUTs gate the old total: 34 of them."""

    def elaborate(self, platform):
        m = Module()
        halves = [(_XOR, x, y, Const(0, 1), self.add) for x, y in zip(
            _extend(self.value, len(self.total)), self.total, strict=True)]
        total = _chain(m, halves, Const(0, 1))
        with m.If(self.enable):
            m.d.sync += self.total.eq(total)
        return m


class Ecp5WideMultiplier(WideMultiplier):
    """:class:`WideMultiplier` of two unsigned operands up to 33 bits, in four MULT18X18D."""

    _HALF = 16  # bits of the lower halves

    def __init__(self, a: Shape, b: Shape):
        low, high = sorted((a.width, b.width))
        if a.signed or b.signed or low <= self._HALF or high > 2 * self._HALF + 1:
            raise ValueError(f"four MULT18X18D do not multiply {a!r} by {b!r}")
        super().__init__(a, b)

    def elaborate(self, platform):
        m = Module()
        half = self._HALF
        low, middle, other, high = (
            _block(m, Cat(self.a[a], 0), Cat(self.b[b], 0), name=f"dsp_{index}")
            for index, (a, b) in enumerate(product((slice(half), slice(half, None)), repeat=2))
        )  # fmt: skip
        # The outer products lie beside each other.
        outer, inner = Signal.like(self.o), Signal(2 * half + 2)
        nudge: Value = Const(0, 1)
        if "nudge" in self.signature.members:
            nudge = delay(m, self.nudge, MULTIPLIER_LATENCY, name="nudge")
        place = len(self.b) - 1
        beside = Cat(low[:2 * half], high)
        m.d.sync += [
            outer.eq(Cat(beside[:place], beside[place:] + nudge)),
            inner.eq(middle.as_unsigned() + other.as_unsigned()),
        ]
        total = Cat(outer[:half], (outer[half:] + inner)[:len(self.o) - half])
        m.d.comb += self.o.eq(delay(m, total, self.latency - MULTIPLIER_LATENCY - 1, name="total"))
        return m

"""Behavioural multipliers and accumulators; the reference for every family's primitives."""

from amaranth.hdl import Module, Mux, Shape, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = [
    "FABRIC_ROWS",
    "MULTIPLIER_LATENCY",
    "Accumulator",
    "Multiplier",
    "MultiplyAdd",
    "PairMultiplier",
    "WideMultiplier",
    "wide_latency",
]

FABRIC_ROWS = 4
MULTIPLIER_LATENCY = 3


def wide_latency(b: Shape) -> int:
    """Cycles of a :class:`WideMultiplier` whose second operand has shape ``b``.

    Two bits of ``b`` make one row of partial products. Up to four rows are summed by a tree with
    registers, and the sums of further rows, four at a time, are added one after the other.
    """
    rows = (b.width + 1) // 2
    return 1 + ceil_log2(min(rows, FABRIC_ROWS)) + (rows - 1) // FABRIC_ROWS


class Multiplier(wiring.Component):
    """``o = a * b`` of two signed bytes, 3 cycles later; one product per cycle.

    Members
    -------
    a, b : In(signed(8))
    o : Out(signed(16))
    """

    a: Signal
    b: Signal
    o: Signal

    def __init__(self):
        super().__init__({"a": In(signed(8)), "b": In(signed(8)), "o": Out(signed(16))})

    def elaborate(self, platform):
        m = Module()
        a, b, product = Signal(signed(8)), Signal(signed(8)), Signal(signed(16))
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b), self.o.eq(product)]
        return m


class PairMultiplier(wiring.Component):
    """``o = (u[0] + y[0]) * (u[1] + y[1])``, 3 cycles later; one product per cycle.

    ``u`` is ``other`` where ``choose`` is set, else ``x``.

    Members
    -------
    x, other, y : In(signed(8)).array(2)
    choose : In(1)
    o : Out(signed(18))
    """

    x: list[Signal]
    other: list[Signal]
    y: list[Signal]
    choose: Signal
    o: Signal

    def __init__(self):
        byte = In(signed(8)).array(2)
        super().__init__(
            {"x": byte, "other": byte, "y": byte, "choose": In(1), "o": Out(signed(18))}
        )

    def elaborate(self, platform):
        m = Module()
        sums = [Signal(signed(9), name=f"sum_{index}") for index in range(2)]
        for total, x, other, y in zip(sums, self.x, self.other, self.y, strict=True):
            m.d.sync += total.eq(Mux(self.choose, other, x) + y)
        product = Signal.like(self.o)
        m.d.sync += [product.eq(sums[0] * sums[1]), self.o.eq(product)]
        return m


class MultiplyAdd(wiring.Component):
    """``o(t + 4) = addend(t + 3) + a(t) * b(t)``: a multiplier, and a register behind its adder.

    Parameters
    ----------
    shape : Shape
        Of the sum; the product of two bytes must fit.
    multiplier : Multiplier, optional
        Left out where a family has a block that does both.

    Members
    -------
    a, b : In(signed(8))
    addend : In(shape); o : Out(shape)
    """

    a: Signal
    b: Signal
    addend: Signal
    o: Signal

    def __init__(self, shape: Shape, multiplier: Multiplier | None = None):
        self._multiplier = multiplier
        super().__init__(
            {"a": In(signed(8)), "b": In(signed(8)), "addend": In(shape), "o": Out(shape)}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = self._multiplier or Multiplier()
        m.d.comb += [multiplier.a.eq(self.a), multiplier.b.eq(self.b)]
        m.d.sync += self.o.eq(self.addend + multiplier.o)
        return m


class WideMultiplier(wiring.Component):
    """``o = a * b + nudge * 2**(len(b) - 1)``, once per cycle.

    The product comes ``latency`` cycles after its operands: ``wide_latency(b)``, or fewer if the
    family's multiplier blocks are done earlier.

    Parameters
    ----------
    a, b : Shape
        Shapes of the operands; at most 64 bits together.

    Members
    -------
    a : In(a)
    b : In(b)
    nudge : In(1), only if ``b`` is unsigned and of odd width
    o : Out(the shape of a * b)
    """

    a: Signal
    b: Signal
    nudge: Signal
    o: Signal

    def __init__(self, a: Shape, b: Shape):
        self.latency = wide_latency(b)
        product = (Signal(a) * Signal(b)).shape()
        nudge = {} if b.signed or b.width % 2 == 0 else {"nudge": In(1)}
        super().__init__({"a": In(a), "b": In(b), **nudge, "o": Out(product)})

    def elaborate(self, platform):
        m = Module()
        value = self.a * self.b
        if "nudge" in self.signature.members:
            value = value + (self.nudge << len(self.b) - 1)
        for stage in range(self.latency - 1):
            product = Signal.like(self.o, name=f"product_{stage}")
            m.d.sync += product.eq(value)
            value = product
        m.d.sync += self.o.eq(value)
        return m


class Accumulator(wiring.Component):
    """Where ``enable``, ``total`` becomes ``value``, or with ``add`` the sum of both; 32 bits.

    Parameters
    ----------
    shape : Shape
        Of the value, signed.

    Members
    -------
    value : In(shape); enable : In(1); add : In(1)
    total : Out(signed(32))
    """

    value: Signal
    enable: Signal
    add: Signal
    total: Signal

    def __init__(self, shape: Shape):
        super().__init__(
            {"value": In(shape), "enable": In(1), "add": In(1), "total": Out(signed(32))}
        )

    def elaborate(self, platform):
        m = Module()
        with m.If(self.enable):
            m.d.sync += self.total.eq(Mux(self.add, self.total + self.value, self.value))
        return m

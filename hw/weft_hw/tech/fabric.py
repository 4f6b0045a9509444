"""Multipliers built from adders, for families whose multiplier blocks are few or missing."""

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned

from weft_hw.parts.delay import delay
from weft_hw.tech.multipliers import FABRIC_ROWS, Multiplier, WideMultiplier, wide_latency

__all__ = ["TreeMultiplier", "TreeMultiplierByte", "gated_sum"]


def gated_sum(m: Module, x: Value, x_gate: Value, y: Value, y_gate: Value, carry: Value) -> Value:
    """Return ``(x if x_gate else 0) + (y if y_gate else 0) + carry`` in the width of ``x``.

    The default of :class:`TreeMultiplier`; a family may have a cell that does it at once.
    """
    return (Mux(x_gate, x, 0) + Mux(y_gate, y, 0) + carry)[: len(x)]


def _extend(value: Value, width: int) -> Value:
    """Sign- or zero-extend to ``width`` bits; the result is unsigned bits."""
    sign = value[-1] if value.shape().signed else 0
    return Cat(value, *[sign] * (width - len(value)))


class TreeMultiplier(WideMultiplier):
    """:class:`WideMultiplier` as partial products of two bits of ``b``, summed by adders.

    A row adds ``a`` gated by one bit of ``b`` to ``2 * a`` gated by the next, so that the first
    level of adders needs no separate partial products. A tree sums ``FABRIC_ROWS`` rows; further
    rows are served later, from a copy of ``a`` that has been handed on, which keeps wires short.
    Costs about ``len(a) * len(b)`` LUTs.

    Parameters
    ----------
    a, b : Shape
        As in :class:`WideMultiplier`.
    gated_sum : callable, optional
        Builds a row's adder; :func:`gated_sum` by default.
    """

    def __init__(self, a: Shape, b: Shape, gated_sum=gated_sum):
        super().__init__(a, b)
        self._gated_sum = gated_sum

    def elaborate(self, platform):
        m = Module()
        step = 2 * FABRIC_ROWS
        first_latency = wide_latency(unsigned(min(len(self.b), step)))
        a = total = self.a
        for start in range(0, len(self.b), step):
            # The sum so far is ready one cycle later for each group but the first two.
            skew = max(0, start // step - 1)
            if skew:
                a = delay(m, a, 1, name=f"a_{start}")
            bits = delay(m, self.b[start : start + step], skew, name=f"b_{start}")
            last = start + step >= len(self.b)
            nudge: Value = Const(0, 1)
            if last and "nudge" in self.signature.members:
                nudge = delay(m, self.nudge, skew, name="nudge")
            group = self._tree(m, a, bits, nudge, start, last)
            latency = wide_latency(unsigned(len(bits)))
            group = delay(m, group, first_latency - latency, name=f"group_{start}")
            total = self._add(m, total, group, start, f"total_{start}") if start else group
        m.d.comb += self.o.eq(total)
        return m

    @property
    def _is_signed(self) -> bool:
        return self.a.shape().signed or self.b.shape().signed

    def _add(self, m: Module, low: Value, high: Value, shift: int, name: str) -> Value:
        """Return the registered ``low + (high << shift)``, no wider than the product."""
        upper = low[shift:].as_signed() if self._is_signed else low[shift:]
        return self._register(m, Cat(low[:shift], upper + high)[: len(self.o)], name)

    def _tree(self, m: Module, a: Value, b: Value, nudge: Value, start: int, last: bool) -> Value:
        """Return ``a * b`` of a few bits of ``b`` (the sign bit too, if ``last``)."""
        rows = [
            self._row(m, a, b, index, nudge, f"row_{start + index}", last)
            for index in range(0, len(b), 2)
        ]
        shift = 2
        while len(rows) > 1:
            name = f"sum_{start}_{shift}"
            pairs = [
                self._add(m, *rows[k : k + 2], shift, f"{name}_{k}")
                for k in range(0, len(rows) - 1, 2)
            ]
            odd = [delay(m, row, 1, name=name) for row in rows[len(pairs) * 2 :]]
            rows, shift = pairs + odd, 2 * shift
        return rows[0]

    def _row(
        self, m: Module, a: Value, b: Value, index: int, nudge: Value, name: str, last: bool
    ) -> Value:
        """Return the registered product of ``a`` and two bits of ``b``."""
        width = len(a) + 2 + (self._is_signed and not a.shape().signed)
        x = _extend(a, width)
        y = Cat(0, x)[:width]
        x_gate = b[index]
        y_gate = b[index + 1] if index + 1 < len(b) else 0
        carry = 0
        if last and index + 2 >= len(b):
            # A sign bit weighs -1: add the complement, and one for the carry.
            if not self.b.shape().signed:
                carry = nudge
            elif index + 1 == len(b):
                x, carry = ~x, x_gate
            else:
                y, carry = ~y, y_gate
        return self._register(m, self._gated_sum(m, x, x_gate, y, y_gate, carry), name)

    def _register(self, m: Module, value: Value, name: str) -> Value:
        register = Signal(Shape(len(value), self._is_signed), name=name)
        m.d.sync += register.eq(value)
        return register


class TreeMultiplierByte(Multiplier):
    """:class:`Multiplier` without a multiplier block; the parameter is that of a tree."""

    def __init__(self, gated_sum=gated_sum):
        super().__init__()
        self._gated_sum = gated_sum

    def elaborate(self, platform):
        m = Module()
        m.submodules.tree = tree = TreeMultiplier(signed(8), signed(8), self._gated_sum)
        m.d.comb += [tree.a.eq(self.a), tree.b.eq(self.b), self.o.eq(tree.o)]
        return m

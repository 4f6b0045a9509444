"""Multipliers built from adders, for families whose multiplier blocks are few or missing."""

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed

from weft_hw.tech.portable import FabricMultiplier, Multiplier

__all__ = ["TreeMultiplier", "TreeMultiplierByte", "gated_sum"]


def gated_sum(m: Module, x: Value, x_gate: Value, y: Value, y_gate: Value, carry: Value) -> Value:
    """Return ``(x if x_gate else 0) + (y if y_gate else 0) + carry`` in the width of ``x``.

    The default of :class:`TreeMultiplier`; a family may have a cell that does it at once.
    """
    return (Mux(x_gate, x, 0) + Mux(y_gate, y, 0) + carry)[:len(x)]


def _extend(value: Value, width: int) -> Value:
    """Sign- or zero-extend to ``width`` bits; the result is unsigned bits."""
    sign = value[-1] if value.shape().signed else 0
    return Cat(value, *[sign] * (width - len(value)))


class TreeMultiplier(FabricMultiplier):
    """:class:`FabricMultiplier` as partial products of two bits of ``b``, summed by a tree.

    A row adds ``a`` gated by one bit of ``b`` to ``2 * a`` gated by the next, so that the first
    level of adders needs no separate partial products. Costs about ``len(a) * len(b)`` LUTs.

    Parameters
    ----------
    a, b : Shape
        As in :class:`FabricMultiplier`.
    gated_sum : callable, optional
        Builds a row's adder; :func:`gated_sum` by default.
    """

    def __init__(self, a: Shape, b: Shape, gated_sum=gated_sum):
        super().__init__(a, b)
        self._gated_sum = gated_sum

    def elaborate(self, platform):
        m = Module()
        is_signed = self.a.shape().signed or self.b.shape().signed
        rows = self._rows(m)
        level = 0
        while len(rows) > 1:
            pairs = []
            shift = 2 << level
            for index in range(0, len(rows) - 1, 2):
                low, high = rows[index:index + 2]
                upper = low[shift:].as_signed() if is_signed else low[shift:]
                # The sum of the tree's last level is as wide as the product, never wider.
                pairs.append(Cat(low[:shift], upper + high)[:len(self.o)])
            if len(rows) % 2:
                pairs.append(rows[-1])
            rows = [self._register(m, value, f"sum_{level}_{index}", is_signed)
                    for index, value in enumerate(pairs)]
            level += 1
        m.d.comb += self.o.eq(rows[0])
        return m

    def _rows(self, m: Module) -> list[Value]:
        """Return registered products of ``a`` and two bits of ``b``, least significant first."""
        a, b = self.a, self.b
        is_signed = a.shape().signed or b.shape().signed
        width = len(a) + 2 + (is_signed and not a.shape().signed)
        rows = []
        for index in range(0, len(b), 2):
            x = _extend(a, width)
            y = Cat(0, x)[:width]
            x_gate = b[index]
            y_gate = b[index + 1] if index + 1 < len(b) else 0
            carry = 0
            # A sign bit weighs -1: add the complement, and one for the carry.
            if b.shape().signed and index + 1 == len(b):
                x, carry = ~x, x_gate
            elif b.shape().signed and index + 2 == len(b):
                y, carry = ~y, y_gate
            value = self._gated_sum(m, x, x_gate, y, y_gate, carry)
            rows.append(self._register(m, value, f"row_{index}", is_signed))
        return rows

    def _register(self, m: Module, value: Value, name: str, is_signed: bool) -> Value:
        register = Signal(Shape(len(value), is_signed), name=name)
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

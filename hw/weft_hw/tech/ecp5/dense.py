"""What Lattice ECP5 builds of carry chains where fabric is scarce."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed

from weft_hw.tech.ecp5.carry import (
    COMPLEMENT_XOR,
    GATED_COMPLEMENT_XOR,
    GATED_XOR,
    XOR,
    addends,
    chain,
    extend,
    gated,
    sums,
)
from weft_hw.tech.multipliers import Accumulator, Multiplier

__all__ = ["Ecp5Accumulator", "Ecp5DenseMultiplier", "dense_product"]


def dense_product(m: Module, a: Value, b: Value) -> Value:
    """Return the product, 3 cycles later, of two signed values, ``b`` of 8 or 9 bits.

    As in :class:`~weft_hw.tech.fabric.TreeMultiplier` two bits of ``b`` make a row of partial
    products, but four rows are added up between two registers, and sums share chains.
    """
    zero = Const(0, 1)
    factor, gates = Signal(signed(len(a))), Signal(signed(len(b)))
    m.d.sync += [factor.eq(a), gates.eq(b)]
    once = Cat(*extend(factor, len(a) + 2))
    twice = Cat(zero, once)[: len(once)]
    # The sign bit weighs -1: the complement and one for the carry.
    sign = len(b) - 1

    def row(bit):
        last = bit + 1 == sign
        table, carry = (GATED_COMPLEMENT_XOR, gates[sign]) if last else (GATED_XOR, zero)
        return gated(once, gates[bit], twice, gates[bit + 1], table), carry

    rows = [*sums(m, row(0), row(2)), *sums(m, row(4), row(6))]
    upper = sums(m, *((addends(rows[k], rows[k + 1], 2, len(a) + 4), zero) for k in (0, 2)))
    low, high = (Cat(rows[2 * k][:2], bits) for k, bits in enumerate(upper))
    if sign == 8:  # a row of its own
        width = len(high) - 4 + 1
        high = Cat(
            high[:4],
            chain(
                m,
                [
                    (COMPLEMENT_XOR, x, y, gates[sign], zero)
                    for x, y in zip(extend(high[4:], width), extend(factor, width), strict=True)
                ],
                gates[sign],
            ),
        )
    low_sum, high_sum = Signal(signed(len(low))), Signal(signed(len(high)))
    product = Signal(signed(len(a) + len(b)))
    upper_product = chain(m, addends(low_sum, high_sum, 4, len(product)), zero)
    m.d.sync += [
        low_sum.eq(low),
        high_sum.eq(high),
        product.eq(Cat(low_sum[:4], upper_product)),
    ]
    return product


class Ecp5DenseMultiplier(Multiplier):
    """:class:`Multiplier` of carry chains, with fewer registers than a tree."""

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.o.eq(dense_product(m, self.a, self.b))
        return m


class Ecp5Accumulator(Accumulator):
    """:class:`Accumulator` in one chain of CCU2C, whose LUTs gate the old total: 34 of them."""

    def elaborate(self, platform):
        m = Module()
        halves = [
            (XOR, x, y, Const(0, 1), self.add)
            for x, y in zip(extend(self.value, len(self.total)), self.total, strict=True)
        ]
        total = chain(m, halves, Const(0, 1))
        with m.If(self.enable):
            m.d.sync += self.total.eq(total)
        return m

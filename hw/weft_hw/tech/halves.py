"""A wide product of four narrow ones, for families whose multiplier blocks have 18 bits a side."""

from itertools import product

from amaranth.hdl import Cat, Const, Module, Shape, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY, WideMultiplier

__all__ = ["HalvesMultiplier"]


class HalvesMultiplier(WideMultiplier):
    """:class:`WideMultiplier` of two unsigned operands up to 33 bits, in four of 18x18 bits.

    A family's subclass makes one of them: the product of two signed operands, 3 cycles later.
    """

    _HALF = 16  # bits of the lower halves

    @staticmethod
    def block(m: Module, a: Value, b: Value, name: str) -> Value:
        """Instantiate one multiplier and return its product."""
        raise NotImplementedError

    def __init__(self, a: Shape, b: Shape):
        low, high = sorted((a.width, b.width))
        if a.signed or b.signed or low <= self._HALF or high > 2 * self._HALF + 1:
            raise ValueError(f"four multipliers of 18x18 bits do not multiply {a!r} by {b!r}")
        super().__init__(a, b)
        self.latency = MULTIPLIER_LATENCY + 1

    def elaborate(self, platform):
        m = Module()
        half = self._HALF
        low, middle, other, high = (
            self.block(m, Cat(self.a[a], 0), Cat(self.b[b], 0), name=f"dsp_{index}")
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

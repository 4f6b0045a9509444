"""Scaling of a 32-bit accumulator to int8, in the arithmetic of three reference runtimes."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.descriptor import Rounding
from weft_hw.parts.delay import delay
from weft_hw.tech.multipliers import wide_latency
from weft_hw.tech.portable import Portable

__all__ = ["RESCALE", "Requantize"]

RESCALE = data.StructLayout(
    {
        "rounding": unsigned(2),  # a Rounding
        "zero_point": signed(8),
        "low": signed(8),
        "high": signed(8),
    }
)

_MULTIPLIER = unsigned(31)
_FRACTION_BITS = 26  # FLOAT32 looks this far below the point; lower bits count as "any set"
_WHOLE_BITS = 8  # a whole part of 256 or more saturates whatever the zero point
_TIE_BITS = _WHOLE_BITS + 2  # low fraction bits that can lie within float32's error of a tie


def _part(value: Value, start: int, width: int) -> Value:
    """Bits ``start`` to ``start + width`` of ``value``, which has zeros on both sides."""
    zeros = min(max(-start, 0), width)
    part = Cat(Const(0, zeros), value[max(start, 0) : max(start + width, 0)])
    return Cat(part, Const(0, width - len(part)))


class Requantize(wiring.Component):
    """``o = clamp(round(value * multiplier / 2**shift) + zero_point, low, high)``.

    With ``p = value * multiplier`` and ``half_up(p, s) = floor(p / 2**s + 1/2)``:

    - ``Rounding.DOUBLE`` (gemmlowp: SaturatingRoundingDoublingHighMul, then RoundingDivideByPOT)
      is ``half_up(p + n, shift)`` with ``n = 0`` for ``shift <= 31``, else ``+2**30`` or, for a
      negative ``value``, ``-2**30``;
    - ``Rounding.HALF_UP`` is ``half_up(p, shift)``;
    - ``Rounding.FLOAT32`` is ``rint(float32(value) * float32(scale))``, ties to even: the product
      is rounded once to float32 and once to an integer, which differs from rounding ``p`` once
      only where ``p`` lies so close to a tie that float32 cannot tell it apart.

    Latency is ``LATENCY`` cycles, throughput one value per cycle; nothing stalls it. ``rescale``
    must not change while values are under way. In ``FLOAT32``, ``multiplier`` must be the scale's
    24-bit mantissa times 2**7, and ``abs(value)`` at most 2**24, which float32 represents exactly.

    Parameters
    ----------
    tech : Portable
        Family that supplies the multiplier.
    dsp : bool
        Whether to ask for vendor multipliers instead of fabric.
    two : bool
        Whether each value chooses between two ways to rescale it.

    Members
    -------
    value : In(signed(32))
    multiplier : In(31)
    shift : In(6)
    rescale : In(RESCALE)
    second : In(1), of ``value``: take ``second_rescale`` instead, only if ``two``
    second_rescale : In(RESCALE), likewise
    o : Out(signed(8))
    """

    # magnitude, product, shift, round, add the zero point, clamp
    LATENCY = 1 + wide_latency(_MULTIPLIER) + 3 + 2 + 1 + 2

    value: Signal
    multiplier: Signal
    shift: Signal
    rescale: data.View
    second: Signal
    second_rescale: data.View
    o: Signal

    def __init__(self, tech: Portable, *, dsp: bool = False, two: bool = False):
        self.tech, self._dsp, self._two = tech, dsp, two
        choice = {"second": In(1), "second_rescale": In(RESCALE)} if two else {}
        super().__init__(
            {
                "value": In(signed(32)),
                "multiplier": In(_MULTIPLIER),
                "shift": In(6),
                "rescale": In(RESCALE),
                **choice,
                "o": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.product = product = self.tech.wide_multiplier(
            unsigned(32), _MULTIPLIER, dsp=self._dsp
        )

        # Sign and magnitude: the multiplier is unsigned, and rounding needs the sign for ties only.
        magnitude, multiplier, shift, negative = Signal(32), Signal(31), Signal(6), Signal()
        m.d.sync += [
            negative.eq(self.value[-1]),
            magnitude.eq(Mux(self.value[-1], -self.value, self.value)),
            multiplier.eq(self.multiplier),
            shift.eq(self.shift),
        ]
        m.d.comb += [product.a.eq(magnitude), product.b.eq(multiplier)]

        double = self._rounds(m, Rounding.DOUBLE, 1)
        m.d.comb += product.nudge.eq(double & shift[5])

        shift = delay(m, shift, product.latency, name="shift")
        whole, fraction, sticky = self._shift(m, product.o, shift)
        tie_negative = delay(m, negative, product.latency + 3, name="negative")
        float32 = self._rounds(m, Rounding.FLOAT32, product.latency + 5)
        whole, up = self._round(m, whole, fraction, sticky, tie_negative, float32)
        negative = delay(m, tie_negative, 2, name="negative_rounded")

        zero_point, low, high, low_again, high_again = self._bounds(m, product.latency + 6)
        # -(whole + up) = ~whole + 1 - up, so rounding is the adder's carry for either sign.
        signed_whole = Cat(whole ^ negative.replicate(len(whole)), negative, negative)
        carried = (
            Cat(negative ^ up, signed_whole).as_signed() + Cat(Const(1, 1), zero_point).as_signed()
        )
        total = Signal(signed(len(signed_whole)))
        m.d.sync += total.eq(carried >> 1)

        above, below, within = Signal(), Signal(), Signal(8)
        m.d.sync += [above.eq(total > high), below.eq(total < low), within.eq(total)]
        # What a faster multiplier gains is waited for here, where there are the fewest bits.
        spare = wide_latency(_MULTIPLIER) - product.latency
        clamped = Mux(above, high_again, Mux(below, low_again, within))
        m.d.sync += self.o.eq(delay(m, clamped, spare, name="clamped"))
        return m

    def _rounds(self, m: Module, rounding: Rounding, cycles: int) -> Value:
        """Return whether a value is rounded so, ``cycles`` after it."""
        # Decoded ahead: `rounding` may come from afar, and does not change while values pass.
        first = Signal(name=rounding.name.lower())
        m.d.sync += first.eq(self.rescale.rounding == rounding)
        if not self._two:
            return first
        other, chosen = Signal.like(first, name_suffix="_second"), Signal.like(first)
        second = delay(m, self.second, cycles - 1, name=f"second_{first.name}")
        m.d.sync += [
            other.eq(self.second_rescale.rounding == rounding),
            chosen.eq(Mux(second, other, first)),
        ]
        return chosen

    def _bounds(self, m: Module, cycles: int) -> tuple[Value, ...]:
        """Return the zero point ``cycles`` after a value, and its bounds 1 and 2 cycles later."""
        rescale = self.rescale
        if not self._two:
            return rescale.zero_point, *(rescale.low, rescale.high) * 2
        second, other = delay(m, self.second, cycles - 1, name="second"), self.second_rescale
        zero_point, low, high = (
            Signal(signed(8), name=f"chosen_{name}") for name in ("zero_point", "low", "high")
        )
        m.d.sync += zero_point.eq(Mux(second, other.zero_point, rescale.zero_point))
        second = delay(m, second, 1, name="second_bounds")
        m.d.sync += [
            low.eq(Mux(second, other.low, rescale.low)),
            high.eq(Mux(second, other.high, rescale.high)),
        ]
        again = [delay(m, bound, 1, name=f"{bound.name}_again") for bound in (low, high)]
        return zero_point, low, high, *again

    def _shift(self, m: Module, value: Value, shift: Value) -> tuple[Value, Value, Value]:
        """Shift right in 3 cycles, two bits of ``shift`` each.

        Returns the whole part, whose bit ``_WHOLE_BITS`` says that it is larger than it shows, the
        fraction, and whether any bit below the fraction is set.
        """
        width, start = _FRACTION_BITS + _WHOLE_BITS, -_FRACTION_BITS
        sticky, over = Const(0, 1), Const(0, 1)
        for stage, bit in enumerate((4, 2, 0)):
            reach = width + (1 << bit) - 1
            shifted = Signal(reach, name=f"shifted_{stage}")
            any_below, any_above = (Signal(name=f"{n}_{stage}") for n in ("sticky", "over"))
            with m.Switch(shift[bit : bit + 2]):
                for amount in range(4):
                    low = start + (amount << bit)
                    with m.Case(amount):
                        m.d.sync += [
                            shifted.eq(_part(value, low, reach)),
                            any_below.eq(sticky | value[: max(low, 0)].any()),
                            any_above.eq(over | value[low + reach :].any()),
                        ]
            value, sticky, over, start = shifted, any_below, any_above, 0
            shift = delay(m, shift[:bit], 1, name=f"shift_{stage}")
        return Cat(value[_FRACTION_BITS:], over), value[:_FRACTION_BITS], sticky

    def _round(
        self,
        m: Module,
        whole: Value,
        fraction: Value,
        sticky: Value,
        negative: Value,
        float32: Value,
    ) -> tuple[Value, Value]:
        """Return, 2 cycles later, the whole part and whether its magnitude is rounded up.

        For FLOAT32, a magnitude of ``b`` whole bits has a float32 spacing of ``2**(b - 24)``, so it
        becomes a tie if it is at most ``2**(b - 25)`` away from one, which is ``2**t`` units of the
        fraction with ``t = b + 1``. Without whole bits, ``t`` is 1 above and 0 below one half.
        """
        # Bit k of the mask says that fraction bit k must agree with a tie: k >= t.
        mask = Cat(
            (whole[:_WHOLE_BITS] == 0) & ~fraction[-1],
            whole[:_WHOLE_BITS] == 0,
            *(whole[k - 1 : _WHOLE_BITS] == 0 for k in range(2, _TIE_BITS - 1)),
        )
        above = fraction[_TIE_BITS:-1]
        state = data.StructLayout(
            {
                "whole": len(whole),
                "half": 1,
                "zeros": 1,
                "ones": 1,
                "low": _TIE_BITS,
                "mask": len(mask),
                "sticky": 1,
                "negative": 1,
            }
        )
        now = Signal(state)
        m.d.sync += [
            now.whole.eq(whole),
            now.half.eq(fraction[-1]),
            now.zeros.eq(~above.any()),
            now.ones.eq(above.all()),
            now.low.eq(fraction[:_TIE_BITS]),
            now.mask.eq(mask),
            now.sticky.eq(sticky),
            now.negative.eq(negative),
        ]

        mask = Cat(now.mask, Const(1, 1))  # the last bit always agrees: t is 9 at most
        below_tie = ~now.half & now.ones & (now.low | ~mask).all()
        edge = mask & ~(mask << 1)
        above_tie = (
            now.half & now.zeros & (~(now.low & mask).any() | ((now.low == edge) & ~now.sticky))
        )
        exact = now.half & now.zeros & ~now.low.any() & ~now.sticky
        up, rounded = Signal(), Signal(len(whole))
        m.d.sync += rounded.eq(now.whole)
        with m.If(float32):
            m.d.sync += up.eq(Mux(below_tie | above_tie, now.whole[0], now.half))
        with m.Else():
            m.d.sync += up.eq(now.half & ~(exact & now.negative))
        return rounded, up

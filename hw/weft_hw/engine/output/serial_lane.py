"""One lane of a compact configuration: a value is requantised bit by bit."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.memory_map import PARAMETER
from weft_hw.contract.timing import LANE_CYCLES
from weft_hw.engine.output.requantize import RESCALE
from weft_hw.parts.fields import layout_of

__all__ = ["ADD", "ROUND", "SerialLane"]

_WORD = 32
ADD, _MULTIPLY, _SHIFT = _WORD, 2 * _WORD, 3 * _WORD  # phases that follow the first
ROUND = LANE_CYCLES - 1
_NUDGE_BIT = 30  # of the product, where gemmlowp's second rounding adds one
_WHOLE_BITS = 8
_RUN_MOST = 25  # fraction bits below the half that decide on a float32 tie


class _Dropped:
    """What must be known of the bits that were shifted out: the half, and those below it."""

    def __init__(self):
        self.half = Signal()
        self.single, self.several = Signal(), Signal()  # bits below the half that are set
        self.run_bit = Signal()  # the bits right below the half are equal to it,
        self.run = Signal(range(_RUN_MOST + 1))  # and so many of them

    @property
    def none(self):
        """No bit below the half is set."""
        return ~(self.single | self.several)

    def clear(self):
        """Return the statements that begin a value."""
        return [
            self.half.eq(0),
            self.single.eq(0),
            self.several.eq(0),
            self.run_bit.eq(0),
            self.run.eq(0),
        ]

    def take(self, bit):
        """Return the statements by which ``bit`` becomes the half."""
        same = self.half == self.run_bit
        return [
            self.half.eq(bit),
            self.run_bit.eq(self.half),
            self.run.eq(Mux(same, Mux(self.run == _RUN_MOST, self.run, self.run + 1), 1)),
            self.single.eq(~self.several & (self.single ^ self.half)),
            self.several.eq(self.several | (self.single & self.half)),
        ]


class SerialLane(wiring.Component):
    """One lane of :class:`SerialLanes`.

    Members
    -------
    phase : In, cycles since the value began; bit : In(1), of the value, least significant first
    rescale : In(RESCALE)
    parameter : In, of ``PARAMETER``'s bits, those of the value's channel
    o : Out(signed(8)), in phase ``ROUND + 1``
    """

    phase: Signal
    bit: Signal
    rescale: data.View
    parameter: data.View
    o: Signal

    def __init__(self):
        super().__init__(
            {
                "phase": In(range(LANE_CYCLES)),
                "bit": In(1),
                "rescale": In(RESCALE),
                "parameter": In(layout_of(PARAMETER)),
                "o": Out(signed(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        phase, parameter = self.phase, self.parameter
        high, low = Signal(_WORD), Signal(_WORD)
        negative, seen, carry, ended = Signal(), Signal(), Signal(), Signal()
        dropped = _Dropped()

        # The registers move right by one bit per cycle: first the value comes in, then (after the
        # bias is added) its sum moves on into `low`, whose bits decide what is added to `high`.
        receives, adds = phase < ADD, phase == ADD
        multiplies, shifts = Signal(), Signal()
        m.d.comb += [
            multiplies.eq((phase >= _MULTIPLY) & (phase < _SHIFT)),
            shifts.eq(phase >= _SHIFT),
        ]
        magnitude_bit = low[0] ^ (negative & seen)
        gate = adds | (multiplies & magnitude_bit)
        addend = Mux(multiplies, parameter.multiplier, parameter.bias.as_unsigned())
        total = Signal(_WORD + 1)
        m.d.comb += total.eq(high + addend)
        count = (phase - _SHIFT)[:6]
        m.d.sync += ended.eq(shifts & (ended | (count == parameter.shift)))
        moves = ~shifts | ~(ended | (count == parameter.shift))
        with m.If(moves):
            m.d.sync += [
                high.eq(
                    Cat(
                        Mux(gate, total[1:-1], high[1:]),
                        Mux(multiplies, gate & total[-1], receives & self.bit),
                    )
                ),
                low.eq(Cat(low[1:], Mux(gate, total[0], high[0]))),
            ]

        with m.If(phase == _MULTIPLY):
            m.d.sync += negative.eq(low[-1])
        m.d.sync += seen.eq(multiplies & (seen | low[0]))

        # What leaves at the right end of the product; gemmlowp's second rounding adds to it.
        double = self.rescale.rounding == Rounding.DOUBLE
        adds_one = carry | (double & parameter.shift[5] & (count == _NUDGE_BIT))
        with m.If(~shifts):
            m.d.sync += [carry.eq(0), *dropped.clear()]
        with m.Elif(moves):
            m.d.sync += [carry.eq(low[0] & adds_one), *dropped.take(low[0] ^ adds_one)]

        up = Signal()
        whole = Signal(_WHOLE_BITS + 1)
        m.d.comb += [
            whole.eq(Cat(low[:_WHOLE_BITS], low[_WHOLE_BITS:].any() | high.any())),
            up.eq(self._rounds_up(dropped, whole, negative, carry)),
        ]

        # -(whole + up) = ~whole + 1 - up, so rounding is the adder's carry for either sign.
        signed_whole = Cat(whole ^ negative.replicate(len(whole)), negative, negative)
        carried = (
            Cat(negative ^ up, signed_whole).as_signed()
            + Cat(Const(1, 1), self.rescale.zero_point).as_signed()
        )
        result, least, most = Signal(signed(11)), self.rescale.low, self.rescale.high
        m.d.sync += result.eq(carried >> 1)
        m.d.comb += self.o.eq(Mux(result > most, most, Mux(result < least, least, result)))
        return m

    def _rounds_up(self, dropped, whole, negative, carry):
        """Return whether the magnitude is rounded up; see ``Requantize``.

        A magnitude of ``b`` whole bits is a tie for float32 where the fraction bits below the half
        differ from it down to bit ``b + 1`` of 26, or are all zeros but for the next bit.
        """
        bits = Const(0, 1)
        for bit in range(_WHOLE_BITS):
            bits = Mux(whole[bit], bit + 1, bits)
        # The priority encoder gives b; a run that is long enough for it makes a tie.
        reach = dropped.run + bits
        below_tie = (
            ~dropped.half
            & dropped.run_bit
            & ((reach >= _RUN_MOST) | ((reach == _RUN_MOST - 1) & (bits != 0)))
        )
        above_tie = dropped.half & (
            dropped.none
            | (
                ~dropped.run_bit
                & ((reach >= _RUN_MOST - 1) | ((reach == _RUN_MOST - 2) & dropped.single))
            )
        )
        return Mux(
            self.rescale.rounding == Rounding.FLOAT32,
            Mux(below_tie | above_tie, whole[0], dropped.half),
            carry | (dropped.half & ~(dropped.none & negative)),
        )

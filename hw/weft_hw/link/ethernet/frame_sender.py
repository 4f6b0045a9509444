"""Frames to an RGMII transceiver."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.link.cobs import Framed
from weft_hw.link.crc import crc32

__all__ = ["FrameSender"]

_PREAMBLE, _START = 0x55, 0xD5
_PREAMBLE_BYTES, _CHECK_BYTES, _GAP_BYTES = 7, 4, 12
_LEAST_BYTES = 60  # of a frame without its check sequence


class FrameSender(wiring.Component):
    """Put preamble, padding, check sequence and a gap around frames (IEEE 802.3, 3.2 and 4.4.2).

    A byte in every cycle, or in every second one of a clock that takes half a byte (``slow``).
    The pins follow 2 cycles behind ``i``.

    Members
    -------
    i : In(stream.Signature(Framed))
        From the destination's address on; must not pause within a frame.
    slow : In(1)
        100 or 10 Mbit/s.
    data : Out(8), control : Out(2)
        For the pins: at the rising edge, in the low half, and at the falling edge.
    """

    i: stream.Interface
    slow: Signal
    data: Signal
    control: Signal

    def __init__(self):
        super().__init__(
            {
                "i": In(stream.Signature(Framed())),
                "slow": In(1),
                "data": Out(8),
                "control": Out(2),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = crc32()
        half, tick = Signal(), Signal()
        m.d.sync += half.eq(~half & self.slow)
        m.d.comb += tick.eq(~self.slow | half)

        byte, sends = Signal(8), Signal()
        count = Signal(range(_LEAST_BYTES + 1))  # of the bytes of this part so far
        is_enough, counts_on = Signal(), Signal()
        m.d.comb += [is_enough.eq(count >= _LEAST_BYTES - 1), counts_on.eq(count != _LEAST_BYTES)]

        def load(value, *, checked: bool = False):
            m.d.sync += [byte.eq(value), sends.eq(1)]
            if checked:
                m.d.comb += [crc.valid.eq(tick), crc.data.eq(value)]

        with m.If(tick):
            m.d.sync += [sends.eq(0), count.eq(count + counts_on)]
        with m.FSM():
            with m.State("GAP"), m.If(tick & (count >= _GAP_BYTES - 1)):
                m.next = "IDLE"
            with m.State("IDLE"), m.If(tick):
                m.d.comb += crc.start.eq(1)
                m.d.sync += count.eq(0)
                with m.If(self.i.valid):
                    load(_PREAMBLE)
                    m.d.sync += count.eq(1)
                    m.next = "PREAMBLE"
            with m.State("PREAMBLE"), m.If(tick):
                load(Mux(count == _PREAMBLE_BYTES, _START, _PREAMBLE))
                with m.If(count == _PREAMBLE_BYTES):
                    m.d.sync += count.eq(0)
                    m.next = "CONTENT"
            with m.State("CONTENT"), m.If(tick):
                m.d.comb += self.i.ready.eq(1)
                load(self.i.payload.data, checked=True)
                with m.If(self.i.payload.last):
                    m.next = "PADDING"
                    with m.If(is_enough):
                        m.d.sync += count.eq(0)
                        m.next = "CHECK"
            with m.State("PADDING"), m.If(tick):
                load(0, checked=True)
                with m.If(is_enough):
                    m.d.sync += count.eq(0)
                    m.next = "CHECK"
            with m.State("CHECK"), m.If(tick):
                load(crc.crc.word_select(count[:2], 8))
                with m.If(count == _CHECK_BYTES - 1):
                    m.d.sync += count.eq(0)
                    m.next = "GAP"

        nibble = byte.word_select(half, 4)
        m.d.sync += [
            self.data.eq(Mux(self.slow, Cat(nibble, nibble), byte)),
            self.control.eq(sends.replicate(2)),
        ]
        return m

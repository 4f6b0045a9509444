"""What comes from an RGMII transceiver, as the bytes of frames."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.link.crc import crc32

__all__ = ["FrameReceiver"]

_PREAMBLE, _START = 0x55, 0xD5


class FrameReceiver(wiring.Component):
    """Find frames behind their preambles and check them (IEEE 802.3, 3.2; RGMII 2.0).

    A byte in every cycle, or in every second one of a clock that brings half a byte (``slow``).
    Latency is 3 cycles. A frame whose preamble is wrong gives nothing.

    Members
    -------
    data : In(8), control : In(2)
        What the pins brought at the rising edge, in the low half, and at the falling edge.
    slow : In(1)
        100 or 10 Mbit/s: both edges bring the same.
    valid : Out(1), byte : Out(8)
        From the destination's address to the last byte of the check sequence.
    end : Out(1), good : Out(1)
        The frame ended, at least a cycle after its last byte; it came whole and undamaged.
    """

    data: Signal
    control: Signal
    slow: Signal
    valid: Signal
    byte: Signal
    end: Signal
    good: Signal

    def __init__(self):
        super().__init__(
            {
                "data": In(8),
                "control": In(2),
                "slow": In(1),
                "valid": Out(1),
                "byte": Out(8),
                "end": Out(1),
                "good": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = crc32()
        data, carrier, error = Signal(8), Signal(), Signal()
        m.d.sync += [
            data.eq(self.data),
            carrier.eq(self.control[0]),
            error.eq(self.control[0] ^ self.control[1]),
        ]
        low, is_odd = Signal(4), Signal()  # the first half of a byte that comes in two
        byte = Mux(self.slow, Cat(low, data[:4]), data)
        is_preamble = Mux(self.slow, data[:4] == _PREAMBLE & 0xF, data == _PREAMBLE)
        is_start = Mux(self.slow, data[:4] == _START >> 4, data == _START)
        m.d.sync += low.eq(data[:4])

        valid, content, end, spoilt = Signal(), Signal(8), Signal(), Signal()
        m.d.sync += [valid.eq(0), content.eq(byte), end.eq(0)]
        with m.FSM():
            with m.State("PREAMBLE"):
                m.d.comb += crc.start.eq(1)
                m.d.sync += [is_odd.eq(0), spoilt.eq(0)]
                with m.If(carrier & is_start):
                    m.next = "FRAME"
                with m.Elif(carrier & ~is_preamble):
                    m.next = "SKIP"
            with m.State("FRAME"):
                with m.If(carrier):
                    m.d.sync += [
                        valid.eq(~self.slow | is_odd),
                        is_odd.eq(~is_odd & self.slow),
                        spoilt.eq(spoilt | error),
                    ]
                with m.Else():
                    m.d.sync += [end.eq(1), spoilt.eq(spoilt | is_odd)]
                    m.next = "END"
            with m.State("END"):  # while the last byte passes the check
                m.next = "PREAMBLE"
            with m.State("SKIP"), m.If(~carrier):
                m.next = "PREAMBLE"
        m.d.comb += [crc.valid.eq(valid), crc.data.eq(content)]
        m.d.sync += [
            self.valid.eq(valid),
            self.byte.eq(content),
            self.end.eq(end),
            self.good.eq(crc.match_detected & ~spoilt),
        ]
        return m

"""The transceiver of a full-speed device in gateware: four samples a bit, in one clock domain.

LUNA has one as well. It answers about 14 bits after a packet's end, because it hands each bit from
a clock of 48 MHz to one of 12 MHz, where a device may take 6.5 (USB 2.0, 7.1.18.1); computers wait
for 16, hubs and cables included. And it calls the idle line K, so that it never sleeps.
"""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Receiver", "Transmitter"]

_SAMPLES = 4
_ONES = 6  # behind which a 0 is stuffed


class Receiver(wiring.Component):
    """Packets out of the levels of D+ and D-, as UTMI has them; all in ``usb``.

    A bit is sampled 1 to 2 cycles after the line has changed, of 4. Latency from a byte's last bit
    to ``valid`` is 4 cycles at most.

    Members
    -------
    d_p, d_n : In(1)
        Synchronised.
    mute : In(1)
        Hear nothing: the device itself drives the lines.
    active : Out(1)
        From the end of the sync pattern to that of the packet.
    data : Out(8), valid : Out(1)
        A byte, for one cycle.
    """

    d_p: Signal
    d_n: Signal
    mute: Signal
    active: Signal
    data: Signal
    valid: Signal

    def __init__(self):
        super().__init__(
            {
                "d_p": In(1),
                "d_n": In(1),
                "mute": In(1),
                "active": Out(1),
                "data": Out(8),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        domain: Any = m.d.usb
        line, before = Cat(self.d_p, self.d_n), Signal(2, init=1)
        phase, look = Signal(range(_SAMPLES)), Signal()
        domain += [before.eq(line), phase.eq(Mux(line != before, 0, phase + 1))]
        m.d.comb += look.eq(phase == 1)

        # ``before`` is what is sampled. A level that stays is a 1 (NRZI).
        level, bit, is_end = Signal(init=1), Signal(), Signal()
        recent, ones = Signal(3, init=-1), Signal(range(_ONES + 1))
        left, broken = Signal(range(8)), Signal()
        # The sync pattern is seven zeros and a one; a hub may swallow the first of them.
        starts = ~self.active & bit & (recent == 0)
        m.d.comb += [bit.eq(before[0] == level), is_end.eq(before == 0)]
        domain += self.valid.eq(0)
        with m.If(look):
            domain += [level.eq(before[0]), recent.eq(Cat(bit, recent))]
            with m.If(is_end):
                domain += [self.active.eq(0), recent.eq(-1), level.eq(1)]
            with m.Elif(starts):
                domain += [self.active.eq(1), ones.eq(1), left.eq(7), broken.eq(0)]
            with m.Elif(~self.active):
                pass
            with m.Elif(ones == _ONES):
                domain += [ones.eq(0), broken.eq(broken | bit)]
                with m.If(bit & broken):  # the line is idle: its end was not heard
                    domain += [self.active.eq(0), recent.eq(-1)]
            with m.Else():
                domain += [
                    ones.eq(Mux(bit, ones + 1, 0)),
                    self.data.eq(Cat(self.data[1:], bit)),
                    left.eq(left - 1),
                    self.valid.eq((left == 0) & ~broken),
                ]
        with m.If(self.mute):
            domain += [self.active.eq(0), self.valid.eq(0), recent.eq(-1), level.eq(1)]
        return m


class Transmitter(wiring.Component):
    """Levels of D+ and D- out of UTMI's bytes; all in ``usb``.

    The first level of the sync pattern comes 2 cycles after ``valid``.

    Members
    -------
    data : In(8), valid : In(1), ready : Out(1)
        A byte is taken in the cycle in which ``ready`` is 1; a packet ends with ``valid``.
    d_p, d_n, drive : Out(1)
        From registers.
    """

    data: Signal
    valid: Signal
    ready: Signal
    d_p: Signal
    d_n: Signal
    drive: Signal

    def __init__(self):
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "ready": Out(1),
                "d_p": Out(1),
                "d_n": Out(1),
                "drive": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        domain: Any = m.d.usb
        phase, step = Signal(range(_SAMPLES)), Signal()
        bits, left = Signal(8), Signal(range(9))
        level, ones = Signal(init=1), Signal(range(_ONES + 1))
        domain += phase.eq(phase + 1)
        m.d.comb += step.eq(phase == _SAMPLES - 1)

        def lines(d_p, d_n):
            return [self.d_p.eq(d_p), self.d_n.eq(d_n)]

        with m.FSM(domain="usb") as fsm:
            with m.State("IDLE"):
                domain += [phase.eq(_SAMPLES - 1), level.eq(1), ones.eq(0)]
                domain += [bits.eq(0x80), left.eq(8)]  # the sync pattern
                with m.If(self.valid):
                    m.next = "BITS"
            with m.State("BITS"), m.If(step):
                domain += self.drive.eq(1)
                with m.If(ones == _ONES):
                    domain += [level.eq(~level), ones.eq(0), *lines(~level, level)]
                with m.Elif(left != 0):
                    domain += [bits.eq(bits >> 1), left.eq(left - 1)]
                    with m.If(bits[0]):
                        domain += ones.eq(ones + 1)
                    with m.Else():
                        domain += [level.eq(~level), ones.eq(0), *lines(~level, level)]
                with m.Else():
                    domain += lines(0, 0)
                    m.next = "END"
            with m.State("END"), m.If(step):
                m.next = "IDLE LINE"
            with m.State("IDLE LINE"), m.If(step):
                domain += lines(1, 0)
                m.next = "RELEASE"
            with m.State("RELEASE"), m.If(step):
                domain += self.drive.eq(0)
                m.next = "IDLE"
        # The next byte is taken while the last bit of this one is on the line.
        fetch = Signal()
        m.d.comb += [
            fetch.eq(fsm.ongoing("BITS") & (left == 0) & (phase == 0) & (ones != _ONES)),
            self.ready.eq(fetch & self.valid),
        ]
        with m.If(self.ready):
            domain += [bits.eq(self.data), left.eq(8)]
        return m

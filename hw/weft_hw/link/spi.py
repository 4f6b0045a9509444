"""An SPI device, in place of the serial port: a Raspberry Pi or a microcontroller is the host."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import (
    CRC_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    STATUS_BYTES,
)
from weft_hw.link.whole_frames import WholeFrames

__all__ = ["SpiDevice"]

_CONTENT_BYTES = HEADER_BYTES + STATUS_BYTES + MAX_PAYLOAD_BYTES + CRC_BYTES
# With a code in each 254 bytes, and the zero.
_LONGEST_REPLY = _CONTENT_BYTES + 1 + _CONTENT_BYTES // 254 + 1


class SpiDevice(wiring.Component):
    """Mode 0, most significant bit first: a byte each way at a time, while ``select`` is 1.

    The host's clock is sampled, and takes at least ``SPI_CYCLES`` cycles a bit. Its bytes all go to
    ``received``, where zeros between frames stand for nothing. Zeros leave while no whole frame
    waits: within a frame they would end it.

    Members
    -------
    reset : In(1)
        Begin anew.
    select, clock, copi : In(1)
        The pins, synchronised here.
    cipo : Out(1)
        From a register. The next bit is there 4 cycles after the clock rose, at most.
    drive : Out(1)
        ``cipo`` is for the pin: another device may have it otherwise.
    received : Out(stream.Signature(8))
        A byte that is not taken before the next one comes is lost.
    sent : In(stream.Signature(8))
    """

    reset: Signal
    select: Signal
    clock: Signal
    copi: Signal
    cipo: Signal
    drive: Signal
    received: stream.Interface
    sent: stream.Interface

    def __init__(self):
        super().__init__(
            {
                "reset": In(1),
                "select": In(1),
                "clock": In(1),
                "copi": In(1),
                "cipo": Out(1),
                "drive": Out(1),
                "received": Out(stream.Signature(8)),
                "sent": In(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.frames = frames = ResetInserter(self.reset)(WholeFrames(_LONGEST_REPLY))
        wiring.connect(m, wiring.flipped(self.sent), frames.i)

        select, clock, copi = Signal(), Signal(), Signal()
        m.submodules.select_synchronizer = FFSynchronizer(self.select, select)
        m.submodules.clock_synchronizer = FFSynchronizer(self.clock, clock)
        m.submodules.copi_synchronizer = FFSynchronizer(self.copi, copi)
        before, rises = Signal(init=1), Signal()
        m.d.sync += before.eq(clock)
        m.d.comb += rises.eq(select & clock & ~before)

        index, incoming, outgoing = Signal(range(8)), Signal(8), Signal(8)
        is_reply = Signal()  # ``outgoing`` is the byte that waits in ``frames``
        byte = Cat(copi, incoming[:7])
        first, last = index == 0, index == 7
        m.d.comb += [
            self.cipo.eq(outgoing[7]),
            # A byte that was put out and not begun waits for the next transfer.
            frames.o.ready.eq(rises & first & is_reply),
        ]
        m.d.sync += self.drive.eq(select)
        with m.If(self.received.ready):
            m.d.sync += self.received.valid.eq(0)
        with m.If(rises):
            m.d.sync += [index.eq(index + 1), incoming.eq(byte), outgoing.eq(outgoing << 1)]
            with m.If(last):
                m.d.sync += [self.received.payload.eq(byte), self.received.valid.eq(1)]
        with m.If(~select | (rises & last)):
            m.d.sync += [
                index.eq(0),
                is_reply.eq(frames.o.valid),
                outgoing.eq(Mux(frames.o.valid, frames.o.payload, 0)),
            ]
        with m.If(self.reset):
            m.d.sync += [is_reply.eq(0), outgoing.eq(0), index.eq(0), self.received.valid.eq(0)]
        return m

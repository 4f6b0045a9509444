"""Replies into a byte stream: CRC appended, encoded, buffered."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import CRC_BYTES
from weft_hw.link.cobs import CobsEncoder, Framed
from weft_hw.link.crc import crc32
from weft_hw.link.ring import ring_reader
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["Sender"]


class Sender(wiring.Component):
    """Send each frame with its CRC-32, COBS-encoded and closed by a zero byte.

    One byte per cycle; 2 + ``CRC_BYTES`` cycles more per frame. A block of up to 255 bytes leaves
    once it is complete. Sends one zero byte after reset.

    Parameters
    ----------
    tech : Portable
        Where the block RAM comes from.
    depth : int
        Bytes in the ring, a power of two above 256. A frame may be longer.
    compact : bool, optional
        As for :func:`~weft_hw.link.ring.ring_reader`.

    Members
    -------
    i : In(stream.Signature(Framed))
    tx : Out(stream.Signature(8))
    idle : Out(1)
        Every byte of every frame was taken.
    """

    i: stream.Interface
    tx: stream.Interface
    idle: Signal

    def __init__(self, tech, *, depth: int = 512, compact: bool = False):
        self.tech, self.depth, self._compact = tech, depth, compact
        super().__init__(
            {
                "i": In(stream.Signature(Framed())),
                "tx": Out(stream.Signature(8)),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = crc32()
        m.submodules.cobs = cobs = CobsEncoder(depth=self.depth)
        m.submodules.memory = memory = self.tech.block_ram(width=8, depth=self.depth)
        m.submodules.reader = reader = ring_reader(depth=self.depth, compact=self._compact)
        m.d.comb += [
            memory.read_address.eq(reader.read_address),
            reader.read_data.eq(memory.read_data),
            cobs.head.eq(reader.head),
        ]
        stage = m.d.comb if self._compact else m.d.sync
        stage += [
            memory.write_address.eq(cobs.write_address),
            memory.write_data.eq(cobs.write_data),
            memory.write_enable.eq(cobs.write_enable),
            reader.limit.eq(cobs.limit),
        ]

        # Registers on both sides of what chooses the byte, and behind the ring, so that no stall
        # reaches through.
        if self._compact:
            frame, encoded = self.i, cobs.i
            wiring.connect(m, reader.o, wiring.flipped(self.tx))
        else:
            m.submodules.source, m.submodules.target = source, target = (
                StreamBuffer(Framed()),
                StreamBuffer(Framed()),
            )
            m.submodules.buffer = buffer = StreamBuffer(8)
            wiring.connect(m, wiring.flipped(self.i), source.i)
            wiring.connect(m, target.o, cobs.i)
            wiring.connect(m, reader.o, buffer.i)
            wiring.connect(m, buffer.o, wiring.flipped(self.tx))
            frame, encoded = source.o, target.i

        index = Signal(range(CRC_BYTES))
        in_frame = Signal()
        m.d.comb += self.idle.eq(
            ~in_frame
            & ~frame.valid
            & ~cobs.i.valid
            & cobs.idle
            & (reader.head == cobs.limit)
            & ~self.tx.valid
        )
        with m.FSM():
            with m.State("FRAME"):
                m.d.comb += [
                    encoded.p.data.eq(frame.p.data),
                    encoded.valid.eq(frame.valid),
                    frame.ready.eq(encoded.ready),
                    crc.data.eq(frame.p.data),
                    crc.valid.eq(frame.valid & encoded.ready),
                ]
                with m.If(crc.valid):
                    m.d.sync += in_frame.eq(1)
                    with m.If(frame.p.last):
                        m.next = "CRC"
            with m.State("CRC"):
                m.d.comb += [
                    encoded.p.data.eq(crc.crc.word_select(index, 8)),
                    encoded.p.last.eq(index == CRC_BYTES - 1),
                    encoded.valid.eq(1),
                ]
                with m.If(encoded.ready):
                    m.d.sync += index.eq(index + 1)
                    with m.If(encoded.p.last):
                        m.d.sync += [index.eq(0), in_frame.eq(0)]
                        m.d.comb += crc.start.eq(1)
                        m.next = "FRAME"
        return m

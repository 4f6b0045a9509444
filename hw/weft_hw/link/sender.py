"""Replies into a byte stream: CRC appended, encoded, buffered."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import CRC_BYTES
from weft_hw.link.cobs import CobsEncoder, Framed
from weft_hw.link.crc import crc32
from weft_hw.link.ring import RingReader, SingleReader
from weft_hw.parts.stages import Combinational, Registered
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["Sender", "SmallSender"]


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

    Members
    -------
    i : In(stream.Signature(Framed))
    tx : Out(stream.Signature(8))
    idle : Out(1)
        Every byte of every frame was taken.
    """

    READER, STEPS = RingReader, Registered

    i: stream.Interface
    tx: stream.Interface
    idle: Signal

    def __init__(self, tech, *, depth: int = 512):
        self.tech, self.depth = tech, depth
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
        m.submodules.reader = reader = self.READER(depth=self.depth)
        m.d.comb += [
            memory.read_address.eq(reader.read_address),
            reader.read_data.eq(memory.read_data),
            cobs.head.eq(reader.head),
        ]
        stage = self.STEPS(m)
        stage.d += [
            memory.write_address.eq(cobs.write_address),
            memory.write_data.eq(cobs.write_data),
            memory.write_enable.eq(cobs.write_enable),
            reader.limit.eq(cobs.limit),
        ]

        frame, encoded = self._connect(m, cobs, reader)
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

    def _connect(self, m, cobs, reader):
        """Connect all streams; return those on both sides of what chooses the byte.

        Both have registers, and so has the ring's, so that no stall reaches through.
        """
        m.submodules.source, m.submodules.target = source, target = (
            StreamBuffer(Framed()),
            StreamBuffer(Framed()),
        )
        m.submodules.buffer = buffer = StreamBuffer(8)
        wiring.connect(m, wiring.flipped(self.i), source.i)
        wiring.connect(m, target.o, cobs.i)
        wiring.connect(m, reader.o, buffer.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.tx))
        return source.o, target.i


class SmallSender(Sender):
    """The same for few cells; it sends bytes as :class:`SingleReader` reads them."""

    READER, STEPS = SingleReader, Combinational

    def _connect(self, m, cobs, reader):
        """Connect the ring; return the streams on both sides of what chooses the byte."""
        wiring.connect(m, reader.o, wiring.flipped(self.tx))
        return self.i, cobs.i

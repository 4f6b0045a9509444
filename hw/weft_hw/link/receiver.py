"""Frames out of a byte stream: decoded, checked, and queued whole; resets recognised on the fly."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.contract.packet import (
    CRC_BYTES,
    HEADER_BYTES,
    OVERHEAD_BYTES,
    REQUEST_FIELDS,
    Request,
    field_bytes,
)
from weft_hw.link.cobs import CobsDecoder
from weft_hw.link.crc import crc32
from weft_hw.link.ring import RingReader, SingleReader
from weft_hw.parts.stages import Combinational, Registered
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["Receiver", "SmallReceiver"]

_SESSION_BYTES = field_bytes(REQUEST_FIELDS[Request.RESET])


class Receiver(wiring.Component):
    """Accept a byte in every cycle, whatever happens behind it, and keep the frames that are whole.

    A frame whose CRC is wrong, or for which there is no room, disappears and is counted. A RESET
    request is never queued: it empties the queue and raises ``reset`` for one cycle, so it needs
    neither room nor anybody who listens.

    Parameters
    ----------
    tech : Portable
        Where the block RAM comes from.
    depth : int
        Bytes of frames held, a power of two; ``frames`` is the number of frames held.

    Members
    -------
    rx : In(stream.Signature(8))
        ``ready`` is always 1.
    clear : In(1)
        Forget the frames that are queued.
    lengths : Out(stream.Signature(range(depth + 1)))
        Bytes of each queued frame (type, sequence number and body).
    bytes : Out(stream.Signature(8))
        The bytes of the queued frames, one after the other.
    reset : Out(1), session : Out(32), sequence : Out(8)
        A RESET request came; its session number and sequence number, held until the next one.
    alive : Out(1)
        A whole frame came.
    broken, overrun : Out(1)
        A frame was dropped because it was damaged, or for want of room.
    idle : Out(1)
        Nothing is queued and nothing is on its way through.
    """

    READER, STEPS = RingReader, Registered

    rx: stream.Interface
    lengths: stream.Interface
    bytes: stream.Interface
    clear: Signal
    reset: Signal
    session: Signal
    sequence: Signal
    alive: Signal
    broken: Signal
    overrun: Signal
    idle: Signal

    def __init__(self, tech, *, depth: int, frames: int):
        if depth < 64 or depth & depth - 1:
            raise ValueError(f"Receiver.depth must be a power of two from 64 on, not {depth!r}")
        self.tech, self.depth, self.frames = tech, depth, frames
        super().__init__(
            {
                "rx": In(stream.Signature(8)),
                "clear": In(1),
                "lengths": Out(stream.Signature(range(depth + 1))),
                "bytes": Out(stream.Signature(8)),
                "reset": Out(1),
                "session": Out(8 * _SESSION_BYTES),
                "sequence": Out(8),
                "alive": Out(1),
                "broken": Out(1),
                "overrun": Out(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        forget = Signal()
        m.submodules.cobs = cobs = CobsDecoder()
        m.submodules.crc = crc = crc32()
        m.submodules.memory = memory = self.tech.block_ram(width=8, depth=self.depth)
        reader, lengths = (
            self.READER(depth=self.depth),
            SyncFIFO(width=self.lengths.payload.shape().width, depth=self.frames),
        )
        m.submodules.reader = ResetInserter(forget)(reader)
        m.submodules.lengths = ResetInserter(forget)(lengths)
        self._hand_out(m, reader, forget)

        m.d.comb += [
            cobs.i.payload.eq(self.rx.payload),
            cobs.i.valid.eq(self.rx.valid),
            self.rx.ready.eq(1),
            cobs.o.ready.eq(1),
            memory.read_address.eq(reader.read_address),
            reader.read_data.eq(memory.read_data),
            self.lengths.payload.eq(lengths.r_data),
            self.lengths.valid.eq(lengths.r_rdy),
            lengths.r_en.eq(self.lengths.ready),
        ]

        # One register between decoder and checks, for the clock's sake.
        token, valid = Signal.like(cobs.o.payload), Signal()
        m.d.sync += [token.eq(cobs.o.payload), valid.eq(cobs.o.valid)]

        # Whether a frame is whole takes a comparison of 32 bits, so its end counts one cycle late.
        # The first byte of the next frame comes later still, behind its code byte.
        is_byte, is_end, is_whole = Signal(), Signal(), Signal()
        m.d.comb += is_byte.eq(valid & ~token.end)
        m.d.sync += is_end.eq(valid & token.end)
        m.d.comb += [crc.start.eq(is_end), crc.valid.eq(is_byte), crc.data.eq(token.data)]

        # Bytes reach the ring CRC_BYTES late, so that a frame's CRC never does.
        index = Signal(range(16))  # of the byte at hand; stays at the top of its range
        held = Signal(8 * CRC_BYTES)
        start, end = reader.limit, Signal(reader.limit.shape())
        full, dropped, stores = Signal(), Signal(), Signal()
        queued = (end - reader.head) & (2 * self.depth - 1)
        m.d.comb += stores.eq(is_byte & (index >= CRC_BYTES) & ~full)
        # Known a cycle ahead; a byte that the reader takes meanwhile makes room a cycle late.
        m.d.sync += full.eq((queued == self.depth) | (stores & (queued == self.depth - 1)))
        stage = self.STEPS(m)
        stage.d += [
            memory.write_address.eq(end),
            memory.write_data.eq(held[:8]),
            memory.write_enable.eq(stores),
        ]
        kind = Signal(8)
        with m.If(is_byte):
            m.d.sync += index.eq(Mux(index == 15, 15, index + 1))
            m.d.sync += held.eq(Cat(held[8:], token.data))
            with m.If(stores):
                m.d.sync += end.eq(end + 1)
            with m.Elif(index >= CRC_BYTES):
                m.d.sync += dropped.eq(1)
            with m.If(index == 0):
                m.d.sync += kind.eq(token.data)

        # The session number must outlive a frame that only resembles a RESET.
        header = Signal(8 * (1 + _SESSION_BYTES))
        with m.If(is_byte & (index >= 1) & (index < HEADER_BYTES + _SESSION_BYTES)):
            m.d.sync += header.eq(Cat(header[8:], token.data))

        whole, is_reset, fits, is_broken = Signal(), Signal(), Signal(), Signal()
        resets = Signal()
        # Of two ends in a row, the second closes an empty frame.
        m.d.sync += [
            is_whole.eq(~token.broken & crc.match_detected & (index >= OVERHEAD_BYTES) & ~is_end),
            is_reset.eq((kind == Request.RESET) & (index == OVERHEAD_BYTES + _SESSION_BYTES)),
            is_broken.eq(token.broken | ((index != 0) & ~is_end)),
        ]
        m.d.comb += [
            whole.eq(is_end & is_whole),
            fits.eq(~dropped & lengths.w_rdy),
            self.alive.eq(whole),
            resets.eq(whole & is_reset),
            self.broken.eq(is_end & ~is_whole & is_broken),
            self.overrun.eq(whole & ~is_reset & ~fits),
            forget.eq(self.reset | self.clear),
            lengths.w_data.eq(end - start),
            lengths.w_en.eq(whole & ~is_reset & fits),
            self.idle.eq(~valid & ~is_end & ~self.reset & ~lengths.r_rdy & (reader.head == start)),
        ]
        m.d.sync += self.reset.eq(resets)
        with m.If(is_end):
            m.d.sync += [index.eq(0), dropped.eq(0), end.eq(start)]
            with m.If(lengths.w_en):
                m.d.sync += [start.eq(end), end.eq(end)]
            with m.If(resets):
                m.d.sync += Cat(self.sequence, self.session).eq(header)
        # Of a frame that has begun, bytes may be lost; its first one is still held.
        with m.If(forget):
            m.d.sync += [start.eq(0), end.eq(0), dropped.eq(~is_end & (index != 0))]
        return m

    def _hand_out(self, m, reader, forget):
        """Connect the ring's reader to ``bytes``."""
        buffer = StreamBuffer(8)  # between the ring's counters and the command processor's
        m.submodules.buffer = ResetInserter(forget)(buffer)
        wiring.connect(m, reader.o, buffer.i)
        wiring.connect(m, buffer.o, wiring.flipped(self.bytes))


class SmallReceiver(Receiver):
    """The same for few cells; it hands bytes out as :class:`SingleReader` reads them."""

    READER, STEPS = SingleReader, Combinational

    def _hand_out(self, m, reader, forget):
        """Connect the ring's reader to ``bytes``."""
        wiring.connect(m, reader.o, wiring.flipped(self.bytes))

"""Replies that wait to be sent, each with its length."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.link.ring import RingReader
from weft_hw.tech.memories import BlockRam

__all__ = ["DatagramQueue"]

_FRAMES = 16  # whose lengths are kept


class DatagramQueue(wiring.Component):
    """Keep frames of the protocol, each up to its closing zero, until a datagram takes them.

    One byte per cycle each way; a frame is there 4 cycles after its zero. An empty frame is left
    out, and one of more than ``longest`` bytes is cut.

    Parameters
    ----------
    longest : int
        Bytes of a datagram.
    depth : int, optional
        Bytes held, a power of two above ``longest``.

    Members
    -------
    i : In(stream.Signature(8))
    lengths : Out(stream.Signature(range(longest + 1)))
        Of each frame, its zero included.
    o : Out(stream.Signature(8))
        Their bytes, one frame after the other.
    """

    i: stream.Interface
    lengths: stream.Interface
    o: stream.Interface

    def __init__(self, *, longest: int, depth: int = 2048):
        self._longest, self._depth = longest, depth
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "lengths": Out(stream.Signature(range(longest + 1))),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = BlockRam(width=8, depth=self._depth)
        m.submodules.reader = reader = RingReader(depth=self._depth)
        lengths: Any = SyncFIFO(width=self.lengths.payload.shape().width, depth=_FRAMES)
        m.submodules.lengths = lengths
        end, count = Signal.like(reader.limit), Signal(range(self._longest + 1))
        has_room, closes = Signal(), Signal()
        # Compared a cycle ahead, in which one more byte may come.
        m.d.sync += has_room.eq(
            (((end - reader.head) & (2 * self._depth - 1)) < self._depth - 1)
            & (lengths.level < _FRAMES - 1)
        )
        m.d.comb += [
            self.i.ready.eq(has_room),
            memory.write_address.eq(end),
            memory.write_data.eq(self.i.payload),
            memory.write_enable.eq(self.i.valid & has_room),
            memory.read_address.eq(reader.read_address),
            reader.read_data.eq(memory.read_data),
            closes.eq((self.i.payload == 0) | (count == self._longest - 1)),
            lengths.w_data.eq(count + 1),
        ]
        with m.If(self.i.valid & has_room):
            m.d.sync += [count.eq(count + 1), end.eq(end + 1)]
            with m.If(closes):
                m.d.sync += count.eq(0)
                with m.If((count == 0) & (self.i.payload == 0)):
                    m.d.sync += end.eq(end)
                with m.Else():
                    m.d.comb += lengths.w_en.eq(1)
        # A frame's bytes lie in the memory before its length is known.
        m.d.sync += reader.limit.eq(end)
        wiring.connect(m, lengths.r_stream, wiring.flipped(self.lengths))
        wiring.connect(m, reader.o, wiring.flipped(self.o))
        return m

"""The reading side of a ring of bytes in block RAM: a stream, one byte per cycle."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.tech.memories import READ_LATENCY

__all__ = ["RingReader", "SingleReader"]


class RingReader(wiring.Component):
    """Read the bytes from ``head`` up to ``limit`` and offer them in order.

    One byte per cycle; a byte is offered ``READ_LATENCY + 1`` cycles after ``limit`` passed it.
    A read is started only while the small queue behind the memory can take its answer.

    Parameters
    ----------
    depth : int
        Bytes in the ring, a power of two.

    Members
    -------
    limit : In(range(2 * depth))
        Address after the last byte written, counted modulo ``2 * depth``.
    head : Out(range(2 * depth))
        Address of the first byte not yet taken; what lies before it may be overwritten.
    read_address : Out(range(depth)); read_data : In(8)
    o : Out(stream.Signature(8))
    """

    o: stream.Interface
    limit: Signal
    head: Signal
    read_address: Signal
    read_data: Signal

    def __init__(self, *, depth: int):
        self.depth = depth
        pointer = unsigned(depth.bit_length())
        super().__init__(
            {
                "limit": In(pointer),
                "head": Out(pointer),
                "read_address": Out(range(depth)),
                "read_data": In(8),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = SyncFIFO(width=8, depth=READ_LATENCY + 2)
        next_read = Signal(self.head.shape())
        under_way = Signal(READ_LATENCY)  # reads whose data has yet to come
        start, owed = Signal(), Signal(range(2 * READ_LATENCY + 4))

        m.d.comb += [
            self.read_address.eq(next_read),
            queue.w_data.eq(self.read_data),
            queue.w_en.eq(under_way[-1]),
            self.o.payload.eq(queue.r_data),
            self.o.valid.eq(queue.r_rdy),
            queue.r_en.eq(self.o.ready),
        ]

        m.d.comb += start.eq((next_read != self.limit) & (owed < queue.depth))
        m.d.sync += [under_way.eq((under_way << 1) | start), next_read.eq(next_read + start)]
        taken = self.o.valid & self.o.ready
        m.d.sync += [self.head.eq(self.head + taken), owed.eq(owed + start - taken)]
        return m


class SingleReader(RingReader):
    """The same without the queue, for few cells: the byte at ``head`` is offered until it is taken.

    One byte in ``READ_LATENCY + 1`` cycles.
    """

    def elaborate(self, platform):
        m = Module()
        settled = Signal(READ_LATENCY)
        m.d.comb += [
            self.read_address.eq(self.head),
            self.o.payload.eq(self.read_data),
            self.o.valid.eq(settled[-1]),
        ]
        m.d.sync += settled.eq(Cat(self.head != self.limit, settled[:-1]))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.head.eq(self.head + 1), settled.eq(0)]
        return m

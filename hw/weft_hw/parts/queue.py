"""Queue: items in distributed memory, for a producer that counts the free places itself."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Queue"]


class Queue(wiring.Component):
    """First in, first out; an item is offered 1 cycle after it was put in, one item per cycle.

    ``o.valid`` comes from a register, and from ``o.ready`` a single gate leads to it, so that the
    consumer may decide late in the cycle.

    Parameters
    ----------
    shape : ShapeLike
        Of the items.
    depth : int
        Items held, a power of two; the producer must never put in more.

    Members
    -------
    put : In(1); item : In(shape)
    o : Out(stream.Signature(shape))
    taken : Out(1), an item left in the cycle before
    """

    o: stream.Interface
    put: Signal
    item: data.View
    taken: Signal

    def __init__(self, shape, *, depth: int):
        if depth < 2 or depth & depth - 1:
            raise ValueError(f"Queue.depth must be a power of two from 2 on, not {depth!r}")
        self.depth = depth
        super().__init__(
            {
                "put": In(1),
                "item": In(shape),
                "o": Out(stream.Signature(shape)),
                "taken": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=self.item.shape(), depth=self.depth, init=[])
        write, read = memory.write_port(), memory.read_port(domain="comb")
        first, last = Signal.like(read.addr), Signal.like(write.addr)
        level = Signal(range(self.depth + 2))  # items, and the one that left in the cycle before
        m.d.comb += [
            write.addr.eq(last),
            write.data.eq(self.item),
            write.en.eq(self.put),
            read.addr.eq(first),
            self.o.payload.eq(read.data),
        ]
        takes = self.o.valid & self.o.ready
        with m.If(takes):
            m.d.sync += first.eq(first + 1)
        with m.If(self.put):
            m.d.sync += last.eq(last + 1)

        several, single = Signal(), Signal()  # items now
        m.d.comb += [
            several.eq((level > 2) | ((level == 2) & ~self.taken)),
            single.eq((level == 2) & self.taken | (level == 1) & ~self.taken),
        ]
        m.d.sync += [
            self.taken.eq(takes),
            level.eq(level + self.put - self.taken),
            self.o.valid.eq(self.put | several | (single & ~takes)),
        ]
        return m

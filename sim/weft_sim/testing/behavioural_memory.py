"""A memory behind the memory port that takes its time, at random: for tests of who uses it."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In
from weft_hw.memory.port import Port
from weft_hw.parts.queue import Queue

__all__ = ["BehaviouralMemory"]

_COMMANDS = 4


class BehaviouralMemory(wiring.Component):
    """Carries out bursts in order, after a random latency, and stalls at random words.

    Parameters
    ----------
    port : Port
        The memory's, from the side that asks.
    latency : int
        Most cycles from one burst to the next, a power of two less 1; 0 for none.
    stall : int
        Chance, of 16, that a word has to wait in a cycle.
    seed : int

    Members
    -------
    port : In(Port)
    """

    port: Any

    def __init__(self, port: Port, *, latency: int = 0, stall: int = 0, seed: int = 1):
        self.latency, self.stall, self.seed = latency, stall, seed
        self.memory_bytes, self.word_bytes = port.memory_bytes, port.word_bytes
        super().__init__({"port": In(port)})

    def elaborate(self, platform):
        """Build the memory, its queue of commands and the source of its moods."""
        m = Module()
        port = self.port
        m.submodules.memory = memory = self.memory = Memory(
            shape=8 * self.word_bytes, depth=self.memory_bytes // self.word_bytes, init=[]
        )
        write, read = memory.write_port(), memory.read_port(domain="comb")
        noise = Signal(32, init=self.seed * 2654435761 % (1 << 32) | 1)
        m.d.sync += noise.eq(Cat(noise[1:], noise[0] ^ noise[10] ^ noise[30] ^ noise[31]))
        stalls = noise[3:7] < self.stall

        queue: Any = Queue(port.command.p.shape(), depth=_COMMANDS)
        m.submodules.queue = queue
        room = Signal(range(_COMMANDS + 1), init=_COMMANDS)
        m.d.comb += [
            port.command.ready.eq((room != 0) & ~(stalls & noise[8])),
            queue.item.eq(port.command.p),
            queue.put.eq(port.command.valid & port.command.ready),
        ]
        m.d.sync += room.eq(room - queue.put + queue.taken)

        left, address, writes = (
            Signal(port.command.p.length.shape()),
            Signal.like(port.command.p.address),
            Signal(),
        )
        waits = Signal(range(self.latency + 2))
        offers = Signal()  # a word once offered stays so
        m.d.comb += [
            read.addr.eq(address),
            port.read.p.eq(read.data),
            write.addr.eq(address),
            write.data.eq(port.write.p),
            write.en.eq(port.write.valid & port.write.ready),
        ]
        working = (left != 0) & (waits == 0)
        m.d.comb += [
            port.write.ready.eq(working & writes & ~stalls),
            port.read.valid.eq(working & ~writes & (offers | ~stalls)),
        ]
        passes = Mux(writes, port.write.valid & port.write.ready, port.read.valid & port.read.ready)
        m.d.sync += offers.eq(port.read.valid & ~port.read.ready)
        with m.If(waits != 0):
            m.d.sync += waits.eq(waits - 1)
        with m.If(passes):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1)]
        with m.If((left == 0) | (passes & (left == 1))):
            m.d.comb += queue.o.ready.eq(1)
            with m.If(queue.o.valid):
                m.d.sync += [
                    left.eq(queue.o.p.length),
                    address.eq(queue.o.p.address),
                    writes.eq(queue.o.p.write),
                    waits.eq(noise[12:28] & self.latency),
                ]
        return m

"""Behavioural multipliers and memories; the reference for every family's primitives."""

from amaranth.hdl import Const, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = ["MULTIPLIER_LATENCY", "READ_LATENCY", "BlockRam", "Multiplier", "Portable"]

MULTIPLIER_LATENCY = 3
READ_LATENCY = 2


class Multiplier(wiring.Component):
    """``o = a * b`` of two signed bytes, 3 cycles later; one product per cycle.

    Members
    -------
    a, b : In(signed(8))
    o : Out(signed(16))
    """

    def __init__(self):
        super().__init__({"a": In(signed(8)), "b": In(signed(8)), "o": Out(signed(16))})

    def elaborate(self, platform):
        m = Module()
        a, b, product = Signal(signed(8)), Signal(signed(8)), Signal(signed(16))
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b), self.o.eq(product)]
        return m


class BlockRam(wiring.Component):
    """Simple dual-port memory with an output register: data 2 cycles after its address.

    One read and one write per cycle. Reading the address that is written in the same cycle
    gives either the old or the new data.

    Parameters
    ----------
    width, depth : int
        Bits in a word, number of words.
    granularity : int, optional
        Bits that share a write enable; the whole word by default.

    Members
    -------
    read_address : In(range(depth)); read_data : Out(width)
    write_address : In(range(depth)); write_data : In(width); write_enable : In(width // granularity)
    """

    def __init__(self, *, width: int, depth: int, granularity: int | None = None):
        self.width, self.depth, self.granularity = width, depth, granularity or width
        address = unsigned(max(1, ceil_log2(depth)))
        super().__init__({
            "read_address": In(address),
            "read_data": Out(width),
            "write_address": In(address),
            "write_data": In(width),
            "write_enable": In(width // self.granularity),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        write = memory.write_port(granularity=self.granularity)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address), write.data.eq(self.write_data),
            write.en.eq(self.write_enable), read.addr.eq(self.read_address),
            read.en.eq(Const(1)),
        ]
        m.d.sync += self.read_data.eq(read.data)
        return m


class Portable:
    """What the core asks of a family; each family's module offers the same methods."""

    name = "portable"

    def multiplier(self, *, dsp: bool = True) -> wiring.Component:
        """Return a multiplier with the ports and latency of :class:`Multiplier`.

        ``dsp`` asks for the family's multiplier block rather than fabric.
        """
        return Multiplier()

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> BlockRam:
        """Return a memory with the ports and latency of :class:`BlockRam`."""
        return BlockRam(width=width, depth=depth, granularity=granularity)

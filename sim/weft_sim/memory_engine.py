"""A stand-in for the engine: plain memories, and runs that only take time."""

from functools import reduce
from operator import xor

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, max_unit_bytes, memory_map
from weft_hw.engine.ports import RUN, read_layout, write_layout

__all__ = ["CYCLES_PER_DESCRIPTOR", "MemoryEngine"]

CYCLES_PER_DESCRIPTOR = 64


class MemoryEngine(wiring.Component):
    """Keep what is written to ACTIVATION; a run takes 64 cycles per descriptor.

    Every write to a region goes into a checksum of 32 bits: rotated left by 1, then XORed with
    the address and with each 32-bit word of the unit. Unit ``r`` of COUNTER is that of region
    ``r``; any other unit of COUNTER gives its own address. A run that starts with the last
    descriptor never ends.

    Parameters
    ----------
    config : Config
    """

    reset: Signal
    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    start: stream.Interface
    busy: Signal
    cycles: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "reset": In(1),
                "write": In(stream.Signature(write_layout(config))),
                "read": In(stream.Signature(read_layout())),
                "data": Out(stream.Signature(8 * max_unit_bytes(config))),
                "start": In(stream.Signature(RUN)),
                "busy": Out(1),
                "cycles": Out(32),
            }
        )

    def elaborate(self, platform):
        """Build the memories and the timer."""
        m = Module()
        depth = self.config.activation_words
        m.submodules.memory = memory = Memory(shape=8 * self.config.columns, depth=depth, init=[])
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            self.write.ready.eq(1),
            write.addr.eq(self.write.payload.address),
            write.data.eq(self.write.payload.data),
            write.en.eq(self.write.valid & (self.write.payload.region == Region.ACTIVATION)),
            read.addr.eq(self.read.payload.address),
            read.en.eq(Const(1)),
        ]

        unit = self.write.payload
        # Memories survive a reset, and so do their checksums.
        sums = Array(Signal(32, name=f"sum_{region.name}", reset_less=True) for region in Region)
        memories = memory_map(self.config)
        masks = Array(
            (1 << 8 * memories[region].unit_bytes) - 1 if region in memories else 0
            for region in Region
        )
        words = Signal(8 * max_unit_bytes(self.config))
        m.d.comb += words.eq(unit.data & masks[unit.region])
        folded = reduce(xor, (words[at : at + 32] for at in range(0, len(words), 32)))
        with m.If(self.write.valid & (unit.region < len(sums))):
            m.d.sync += sums[unit.region].eq(
                sums[unit.region].rotate_left(1) ^ unit.address ^ folded
            )

        place, waiting = Signal(read_layout()), Signal()
        m.d.comb += self.read.ready.eq(~waiting & ~self.data.valid)
        m.d.sync += waiting.eq(0)
        with m.If(self.read.valid & self.read.ready):
            m.d.sync += [place.eq(self.read.payload), waiting.eq(1)]
        with m.If(waiting):
            m.d.sync += [self.data.valid.eq(1), self.data.payload.eq(read.data)]
            with m.If(place.region == Region.COUNTER):
                m.d.sync += self.data.payload.eq(
                    Mux(place.address < len(sums), sums[place.address[:3]], place.address)
                )
        with m.If((self.data.valid & self.data.ready) | self.reset):
            m.d.sync += self.data.valid.eq(0)

        left, endless = Signal(range(256 * CYCLES_PER_DESCRIPTOR)), Signal()
        m.d.comb += [self.start.ready.eq(~self.busy), self.busy.eq((left != 0) | endless)]
        with m.If(self.busy):
            m.d.sync += [left.eq(left - 1), self.cycles.eq(self.cycles + 1)]
        with m.Elif(self.start.valid):
            m.d.sync += [
                left.eq(self.start.payload.count * CYCLES_PER_DESCRIPTOR),
                self.cycles.eq(0),
                endless.eq(self.start.payload.first == self.config.descriptor_count - 1),
            ]
        with m.If(self.reset):
            m.d.sync += [left.eq(0), endless.eq(0), waiting.eq(0), self.cycles.eq(0)]
        return m

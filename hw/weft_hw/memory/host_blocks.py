"""Host blocks: the link's way to the memory beside the chip, block by block."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, max_unit_bytes
from weft_hw.engine.ports import link_address_bits, read_layout, write_layout
from weft_hw.memory.port import Port

__all__ = ["HostBlocks"]


class HostBlocks(wiring.Component):
    """Carry out what the link wants of ``Region.DRAM``, and hand on the rest.

    A block is a burst of its own, asked for while the one before is still written: a byte per
    cycle, if the port takes a burst's first word within 12 cycles or so. One read may be under way.

    Parameters
    ----------
    config : Config
    word_bytes : int
        Of the memory port.

    Members
    -------
    write, read, data : streams, as :class:`~weft_hw.engine.host_port.HostPort`'s
    chip_write, chip_read, chip_data : the same of all other regions, seen from here
    port : Out(Port)
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    chip_write: stream.Interface
    chip_read: stream.Interface
    chip_data: stream.Interface
    port: Any  # interface of Port

    def __init__(self, config: Config, word_bytes: int):
        self.config, self.word_bytes = config, word_bytes
        wide = link_address_bits(config)
        answer = stream.Signature(8 * max_unit_bytes(config))
        super().__init__(
            {
                "write": In(stream.Signature(write_layout(config, wide))),
                "read": In(stream.Signature(read_layout(wide))),
                "data": Out(answer),
                "chip_write": Out(stream.Signature(write_layout(config))),
                "chip_read": Out(stream.Signature(read_layout())),
                "chip_data": In(answer),
                "port": Out(Port(config.dram_bytes, word_bytes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        port, word = self.port, 8 * self.word_bytes
        words = DRAM_BLOCK_BYTES // self.word_bytes
        # A block to be written waits in a register of its own, while its burst is asked for and the
        # words of the block before still leave.
        following, block = (
            Signal(8 * DRAM_BLOCK_BYTES, reset_less=True, name=name)
            for name in ("following", "block")
        )
        address = Signal.like(self.write.p.address, reset_less=True)
        waits, asks, fetches, answers = Signal(), Signal(), Signal(), Signal()
        left, some = Signal(range(words + 1)), Signal()  # words of `block`
        to_store = self.write.p.region == Region.DRAM
        to_fetch = self.read.p.region == Region.DRAM
        takes_write, takes_read = ~waits & ~fetches & ~answers, Signal()
        m.d.comb += [
            self.chip_write.p.region.eq(self.write.p.region),
            self.chip_write.p.address.eq(self.write.p.address),
            self.chip_write.p.data.eq(self.write.p.data),
            self.chip_write.valid.eq(self.write.valid & ~to_store),
            self.write.ready.eq(Mux(to_store, takes_write, self.chip_write.ready)),
            self.chip_read.p.region.eq(self.read.p.region),
            self.chip_read.p.address.eq(self.read.p.address),
            self.chip_read.valid.eq(self.read.valid & ~to_fetch),
            # A write that is offered goes first.
            takes_read.eq(~waits & ~some & ~fetches & ~answers & ~self.write.valid),
            self.read.ready.eq(Mux(to_fetch, takes_read, self.chip_read.ready)),
            self.data.valid.eq(self.chip_data.valid | answers),
            self.data.p.eq(Mux(answers, block, self.chip_data.p)),
            self.chip_data.ready.eq(self.data.ready & ~answers),
            port.command.valid.eq(asks),
            port.command.p.write.eq(~fetches),
            port.command.p.address.eq(address << exact_log2(words)),
            port.command.p.length.eq(words),
            port.write.valid.eq(some & ~fetches),
            port.write.p.eq(block),
            port.read.ready.eq(some & fetches),
        ]
        passes = Mux(
            fetches, port.read.valid & port.read.ready, port.write.valid & port.write.ready
        )
        with m.If(port.command.valid & port.command.ready):
            m.d.sync += asks.eq(0)
        with m.If(passes):
            m.d.sync += [
                block.eq(Cat(block[word:], port.read.p)),
                left.eq(left - 1),
                some.eq(left != 1),
            ]
            with m.If(left == 1):
                m.d.sync += [fetches.eq(0), answers.eq(fetches)]
        with m.If(answers & self.data.ready):
            m.d.sync += answers.eq(0)
        with m.If(waits & ~asks & (~some | (passes & (left == 1)))):
            m.d.sync += [block.eq(following), left.eq(words), some.eq(1), waits.eq(0)]
        with m.If(self.write.valid & to_store & takes_write):
            m.d.sync += [
                following.eq(self.write.p.data),
                address.eq(self.write.p.address),
                waits.eq(1),
                asks.eq(1),
            ]
        with m.If(self.read.valid & to_fetch & takes_read):
            m.d.sync += [
                address.eq(self.read.p.address),
                asks.eq(1),
                fetches.eq(1),
                left.eq(words),
                some.eq(1),
            ]
        return m

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
    cycle, if the port takes a burst's first word within 12 cycles or so. What is for the chip is
    handed on a cycle late, and so are answers; a unit every 2 cycles. One read may be under way.

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
        # What the link wants waits in a register, and so does what it gets, so that neither the
        # memories on the chip nor the region decide about the link's bytes within a cycle. A block
        # to be written stays there while its burst is asked for and the words of the block before
        # still leave.
        held = Signal.like(self.write.p, reset_less=True)
        stores, loads, awaits = Signal(), Signal(), Signal()  # of the memories on the chip
        waits, asks, fetches, answers = Signal(), Signal(), Signal(), Signal()
        block = Signal(8 * DRAM_BLOCK_BYTES, reset_less=True)
        left, some, last = Signal(range(words + 1)), Signal(), Signal()  # words of `block`
        m.d.comb += [
            self.write.ready.eq(~(stores | loads | awaits | waits | fetches | answers)),
            # A write that is offered goes first.
            self.read.ready.eq(self.write.ready & ~some & ~self.write.valid),
            self.chip_write.p.region.eq(held.region),
            self.chip_write.p.address.eq(held.address),
            self.chip_write.p.data.eq(held.data),
            self.chip_write.valid.eq(stores),
            self.chip_read.p.region.eq(held.region),
            self.chip_read.p.address.eq(held.address),
            self.chip_read.valid.eq(loads),
            self.chip_data.ready.eq(awaits),
            self.data.valid.eq(answers),
            self.data.p.eq(block),
            port.command.valid.eq(asks),
            port.command.p.write.eq(~fetches),
            port.command.p.address.eq(held.address << exact_log2(words)),
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
                last.eq(left == 2),
                some.eq(~last),
            ]
            with m.If(last):
                m.d.sync += [fetches.eq(0), answers.eq(fetches)]
        with m.If(answers & self.data.ready):
            m.d.sync += answers.eq(0)
        with m.If(waits & ~asks & ~some):
            m.d.sync += [
                block.eq(held.data),
                left.eq(words),
                last.eq(words == 1),
                some.eq(1),
                waits.eq(0),
            ]
        with m.If(self.chip_write.ready):
            m.d.sync += stores.eq(0)
        with m.If(loads & self.chip_read.ready):
            m.d.sync += [loads.eq(0), awaits.eq(1)]
        with m.If(awaits & self.chip_data.valid):
            m.d.sync += [block.eq(self.chip_data.p), awaits.eq(0), answers.eq(1)]
        with m.If(self.write.valid & self.write.ready):
            to_memory = self.write.p.region == Region.DRAM
            m.d.sync += [
                held.eq(self.write.p),
                stores.eq(~to_memory),
                waits.eq(to_memory),
                asks.eq(to_memory),
            ]
        with m.If(self.read.valid & self.read.ready):
            to_memory = self.read.p.region == Region.DRAM
            m.d.sync += [
                held.region.eq(self.read.p.region),
                held.address.eq(self.read.p.address),
                loads.eq(~to_memory),
                asks.eq(to_memory),
                fetches.eq(to_memory),
                left.eq(words),
                last.eq(words == 1),
                some.eq(to_memory),
            ]
        return m

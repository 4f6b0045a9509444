"""The mover: carries out moves between the memory beside the chip and those on it, in order."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, max_unit_bytes, memory_map
from weft_hw.contract.move import MOVE
from weft_hw.contract.timing import QUEUED_MOVES
from weft_hw.engine.ports import read_layout, write_layout
from weft_hw.memory.bursts import Bursts
from weft_hw.memory.packer import Packer
from weft_hw.memory.port import Port
from weft_hw.memory.unpacker import Unpacker
from weft_hw.parts.fields import layout_of
from weft_hw.parts.queue import Queue
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["Mover"]


class Mover(wiring.Component):
    """Moves wait in a queue; each begins when its layers are done and the one before it is.

    On the way, a word per cycle, as long as neither the port nor the memories on the chip let it
    wait. About 20 cycles besides per move, and the port's latency.

    Parameters
    ----------
    config : Config
    word_bytes : int
        Of the memory port.

    Members
    -------
    put : In(1), move : In, the next one; at most ``QUEUED_MOVES`` may wait
    begun : Out(1), for one cycle: a place is free
    done : Out(1), for one cycle: all of a move's units are where they belong
    layers : In(16), layers of the run that are done
    port : Out(Port)
    write, read, data : streams, as :class:`~weft_hw.engine.host_port.HostPort`'s, seen from here
    written : In(1), while no unit waits for its memory
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    put: Signal
    move: View
    begun: Signal
    done: Signal
    layers: Signal
    port: Any  # interface of Port
    written: Signal

    def __init__(self, config: Config, word_bytes: int):
        self.config, self.word_bytes = config, word_bytes
        move = layout_of(MOVE)
        super().__init__(
            {
                "put": In(1),
                "move": In(move),
                "begun": Out(1),
                "done": Out(1),
                "layers": In(16),
                "port": Out(Port(config.dram_bytes, word_bytes)),
                "write": Out(stream.Signature(write_layout(config))),
                "read": Out(stream.Signature(read_layout())),
                "data": In(stream.Signature(8 * max_unit_bytes(config))),
                "written": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, word = self.config, self.word_bytes
        m.submodules.queue = queue = Queue(self.move.shape(), depth=QUEUED_MOVES)
        m.submodules.bursts = bursts = Bursts(config.dram_bytes, word)
        m.submodules.unpacker = unpacker = Unpacker(config, word)
        m.submodules.packer = packer = Packer(config, word)
        move, begin = Signal(layout_of(MOVE), reset_less=True), Signal()
        m.d.comb += [queue.put.eq(self.put), queue.item.eq(self.move)]
        wiring.connect(m, bursts.command, wiring.flipped(self.port.command))
        wiring.connect(m, packer.o, wiring.flipped(self.port.write))
        # Whether the unpacker has room is known late in a cycle; much of the arbiter hangs on it.
        m.submodules.was_read = was_read = StreamBuffer(8 * word)
        wiring.connect(m, wiring.flipped(self.port.read), was_read.i)
        wiring.connect(m, was_read.o, unpacker.i)
        wiring.connect(m, unpacker.o, wiring.flipped(self.write))
        wiring.connect(m, packer.request, wiring.flipped(self.read))
        wiring.connect(m, wiring.flipped(self.data), packer.data)

        # Blocks in a row: bytes are summed bit by bit of a unit's size, from the top.
        size = self._size(m, move)
        top = len(size) - 1
        total, bit = Signal(len(move.count) + len(size)), Signal(range(top + 1))
        blocks = Signal(17)
        last_byte = total + (DRAM_BLOCK_BYTES - 1)
        m.d.sync += blocks.eq(last_byte >> exact_log2(DRAM_BLOCK_BYTES))
        m.d.comb += [
            bursts.move.eq(move),
            bursts.blocks.eq(blocks),
            bursts.begin.eq(begin),
            *(part.move.eq(move) for part in (unpacker, packer)),
            *(part.size.eq(size) for part in (unpacker, packer)),
            unpacker.begin.eq(begin & ~move.store),
            packer.begin.eq(begin & move.store),
        ]
        may_begin = Signal()
        m.d.sync += may_begin.eq(move.layers <= self.layers)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += queue.o.ready.eq(1)
                m.d.sync += [move.eq(queue.o.p), total.eq(0), bit.eq(top)]
                with m.If(queue.o.valid):
                    m.d.comb += self.begun.eq(1)
                    m.next = "LOOK-UP"
            with m.State("LOOK-UP"):
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                double = total << 1
                m.d.sync += [
                    bit.eq(bit - 1),
                    total.eq(Mux(size.bit_select(bit, 1), double + move.count, double)),
                ]
                with m.If(bit == 0):
                    m.next = "ROUND"
            with m.State("ROUND"):
                m.next = "WAIT-LAYERS"
            with m.State("WAIT-LAYERS"), m.If(may_begin):
                m.d.comb += begin.eq(1)
                m.next = "COPY"
            # Its parts take up their work in the cycle after `begin`.
            with m.State("COPY"), m.If(bursts.done & unpacker.done & packer.done):
                m.next = "LAND"
            with m.State("LAND"), m.If(self.written):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m

    def _size(self, m, move):
        """Return the bytes of a move's units, a cycle late."""
        size = Signal(range(max_unit_bytes(self.config) + 1))
        m.d.sync += size.eq(self.config.columns)
        with m.Switch(move.region):
            for region, memory in memory_map(self.config).items():
                with m.Case(region), m.If(~move.store | memory.readable):
                    m.d.sync += size.eq(memory.unit_bytes)
        return size

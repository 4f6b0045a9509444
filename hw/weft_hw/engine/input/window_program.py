"""Window program: reads a layer's entries over and over, ahead of their use."""

from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.layouts import WINDOW_LAYOUT
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.portable import Portable

__all__ = ["ENTRY", "SingleWindowProgram", "WindowProgram"]

ENTRY = data.StructLayout({"window": WINDOW_LAYOUT, "first": 1, "last": 1})

_DEPTH = 4  # reads in flight, plus one on its way to the register, for one entry per cycle


class WindowProgram(wiring.Component):
    """Entries ``base`` to ``base + count - 1``, cyclically, one per cycle once under way.

    Latency is 5 cycles from ``begin`` to the first entry. ``begin`` drops what was read ahead.

    Parameters
    ----------
    config : Config
    tech : Portable

    Members
    -------
    begin : In(1); base, count : In, constant until the next ``begin``
    o : Out(stream.Signature(ENTRY))
    load : In, one entry: ``enable``, ``address``, ``data``
    """

    o: stream.Interface
    begin: Signal
    base: Signal
    count: Signal
    load: wiring.FlippedInterface

    def __init__(self, config: Config, tech: Portable):
        self.config, self.tech = config, tech
        super().__init__(
            {
                "begin": In(1),
                "base": In(range(config.window_count)),
                "count": In(range(config.window_count + 1)),
                "o": Out(stream.Signature(ENTRY)),
                "load": In(
                    wiring.Signature(
                        {
                            "enable": Out(1),
                            "address": Out(range(config.window_count)),
                            "data": Out(WINDOW_LAYOUT.size),
                        }
                    )
                ),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = self.tech.block_ram(
            width=WINDOW_LAYOUT.size, depth=self.config.window_count
        )
        m.d.comb += [
            memory.write_enable.eq(self.load.enable),
            memory.write_address.eq(self.load.address),
            memory.write_data.eq(self.load.data),
        ]
        self._offer(m, memory)
        return m

    def _offer(self, m, memory):
        """Offer entries from a queue that is kept full."""
        m.submodules.queue = queue = ResetInserter(self.begin)(
            SyncFIFO(width=ENTRY.size, depth=_DEPTH)
        )

        # Read ahead while the queue has room for all that is under way.
        index = Signal.like(self.count)
        room = Signal(range(_DEPTH + 2))
        issue, last = Signal(), Signal()
        m.d.comb += [
            issue.eq((room != 0) & ~self.begin),
            last.eq(index == self.count - 1),
            memory.read_address.eq(self.base + index),
        ]
        taken = self.o.valid & self.o.ready
        with m.If(self.begin):
            m.d.sync += [index.eq(0), room.eq(_DEPTH + 1)]
        with m.Else():
            m.d.sync += room.eq(room + taken - issue)
            with m.If(issue):
                m.d.sync += index.eq(0)
                with m.If(~last):
                    m.d.sync += index.eq(index + 1)

        marks = Signal(3)
        m.d.comb += marks.eq((last << 2) | ((index == 0) << 1) | issue)
        for cycle in range(READ_LATENCY):
            stage = Signal(3, name=f"marks_{cycle}")
            with m.If(self.begin):
                m.d.sync += stage.eq(0)
            with m.Else():
                m.d.sync += stage.eq(marks)
            marks = stage
        entry = Signal(ENTRY)
        m.d.comb += [
            entry.window.eq(memory.read_data),
            entry.first.eq(marks[1]),
            entry.last.eq(marks[2]),
            queue.w_data.eq(entry),
            queue.w_en.eq(marks[0]),
            queue.r_en.eq(~self.o.valid | self.o.ready),
        ]
        # The walker decides within a cycle; it gets the entry from a register.
        with m.If(self.begin):
            m.d.sync += self.o.valid.eq(0)
        with m.Elif(queue.r_en):
            m.d.sync += [self.o.payload.eq(queue.r_data), self.o.valid.eq(queue.r_rdy)]


class SingleWindowProgram(WindowProgram):
    """The same without the queue, for few cells: nothing is read ahead.

    An entry comes 3 cycles after ``begin`` or after the one before was taken.
    """

    def _offer(self, m, memory):
        """Offer the entry at ``index`` until it is taken."""
        index, settled = Signal.like(self.count), Signal(READ_LATENCY)
        last = index == self.count - 1
        m.d.comb += [
            memory.read_address.eq(self.base + index),
            self.o.valid.eq(settled[-1]),
            self.o.p.window.eq(memory.read_data),
            self.o.p.first.eq(index == 0),
            self.o.p.last.eq(last),
        ]
        m.d.sync += settled.eq((settled << 1) | 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [settled.eq(0), index.eq(Mux(last, 0, index + 1))]
        with m.If(self.begin):
            m.d.sync += [settled.eq(0), index.eq(0)]

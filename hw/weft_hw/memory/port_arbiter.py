"""Port arbiter: link and mover share the memory port, and a reset leaves no burst unfinished."""

from typing import Any

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.memory.port import BURST_WORDS, Port
from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["PortArbiter"]


class PortArbiter(wiring.Component):
    """Hand on the bursts of two sides, which take turns where both ask.

    One side has the port at a time, and in one direction; meanwhile its bursts follow each other
    without a gap. Once the other asks, it gets no more, until the other had a burst.

    Both sides may be reset while ``reset`` is on, but not this component: it gives a burst that
    was begun the rest of its words, or takes them, and asks for nothing new until then.

    Parameters
    ----------
    port : Port
        Signature of the port and of both sides.

    Members
    -------
    reset : In(1)
    sides : In(port).array(2)
    port : Out(port)
    """

    reset: Signal
    sides: list[Any]  # interfaces
    port: Any  # interface of Port

    def __init__(self, port: Port):
        self._port = port
        super().__init__({"reset": In(1), "sides": In(port).array(2), "port": Out(port)})

    def elaborate(self, platform):
        m = Module()
        port, sides = self.port, self.sides
        command = Signal.like(port.command.p, reset_less=True)
        offered, owner, writes = Signal(), Signal(), Signal()
        left = Signal(range(2 * BURST_WORDS + 1))  # words of the bursts that sides asked for
        none_left, few_left = Signal(init=1), Signal(init=1)  # the latter may come late
        aborts = Signal()

        # A command waits in a register. Each side's offer is judged by what is registered.
        m.d.comb += [port.command.valid.eq(offered), port.command.p.eq(command)]
        with m.If(port.command.ready):
            m.d.sync += offered.eq(0)
        takes = Signal(2)
        free = ~offered & ~aborts & ~self.reset
        with m.If(free):
            for index, side in enumerate(sides):
                mine = owner == index
                goes_on = few_left & mine & (writes == side.command.p.write)
                m.d.comb += takes[index].eq(
                    side.command.valid
                    & (none_left | goes_on)
                    & ~(mine & sides[1 - index].command.valid)
                )
        for index, side in enumerate(sides):
            m.d.comb += side.command.ready.eq(takes[index])
            with m.If(takes[index]):
                m.d.sync += [
                    offered.eq(1),
                    command.eq(side.command.p),
                    owner.eq(index),
                    writes.eq(side.command.p.write),
                ]

        # Words follow their side. They pass a buffer each way, which no reset empties: neither side
        # decides in the cycle in which the memory does.
        word = port.write.p.shape()
        m.submodules.to_write, m.submodules.was_read = buffer, read = (
            StreamBuffer(word),
            StreamBuffer(word),
        )
        wiring.connect(m, buffer.o, wiring.flipped(port.write))
        wiring.connect(m, wiring.flipped(port.read), read.i)
        passes = Signal()
        m.d.comb += [
            buffer.i.p.eq(Array(side.write.p for side in sides)[owner]),
            buffer.i.valid.eq(
                ~none_left & writes & (aborts | Array(side.write.valid for side in sides)[owner])
            ),
            read.o.ready.eq(aborts | Array(side.read.ready for side in sides)[owner]),
            passes.eq(Mux(writes, buffer.i.valid & buffer.i.ready, read.o.valid & read.o.ready)),
        ]
        for index, side in enumerate(sides):
            mine = (owner == index) & ~aborts
            m.d.comb += [
                side.write.ready.eq(buffer.i.ready & ~none_left & writes & mine),
                side.read.valid.eq(read.o.valid & mine),
                side.read.p.eq(read.o.p),
            ]
        # A burst counts from the cycle after it was taken, whenever the memory takes it. What is
        # left is judged without an adder in front.
        was_taken = Signal()
        m.d.sync += [
            was_taken.eq(takes.any()),
            left.eq(left + Mux(was_taken, command.length, 0) - passes),
            none_left.eq(~was_taken & (none_left | (passes & (left == 1)))),
            few_left.eq(~was_taken & (left <= BURST_WORDS)),
        ]

        with m.If(self.reset):
            m.d.sync += aborts.eq(1)
        with m.Elif(none_left & ~offered):
            m.d.sync += aborts.eq(0)
        return m

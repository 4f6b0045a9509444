"""Unit arbiter: link and mover share the way to the memories on the chip."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import max_unit_bytes
from weft_hw.engine.ports import read_layout, write_layout

__all__ = ["UnitArbiter"]


class UnitArbiter(wiring.Component):
    """Hand on the units of two sides; where both have one, they take turns.

    Adds no latency. Each side's answers come in the order of its requests.

    Parameters
    ----------
    config : Config

    Members
    -------
    sides : (In(stream) write, In(stream) read, Out(stream) data), twice
    write, read, data : as :class:`~weft_hw.engine.host_port.HostPort`'s, seen from the other side
    """

    write: stream.Interface
    read: stream.Interface
    data: stream.Interface
    sides: list[Any]  # interfaces

    def __init__(self, config: Config):
        write = stream.Signature(write_layout(config))
        read = stream.Signature(read_layout())
        answer = stream.Signature(8 * max_unit_bytes(config))
        super().__init__(
            {
                "sides": In(
                    wiring.Signature({"write": Out(write), "read": Out(read), "data": In(answer)})
                ).array(2),
                "write": Out(write),
                "read": Out(read),
                "data": In(answer),
            }
        )

    def elaborate(self, platform):
        m = Module()
        self._share(m, [side.write for side in self.sides], self.write, "write")
        # Only one read is under way: whose it is, needs no queue.
        owner = Signal()
        chosen = self._share(m, [side.read for side in self.sides], self.read, "read")
        with m.If(self.read.valid & self.read.ready):
            m.d.sync += owner.eq(chosen)
        for index, side in enumerate(self.sides):
            m.d.comb += [
                side.data.p.eq(self.data.p),
                side.data.valid.eq(self.data.valid & (owner == index)),
            ]
        m.d.comb += self.data.ready.eq(
            Mux(owner, self.sides[1].data.ready, self.sides[0].data.ready)
        )
        return m

    def _share(self, m, sides, o, name):
        """Connect one of the ``sides``; return which. An offer stands until it is taken."""
        first, second = sides
        turn, chosen = Signal(name=f"{name}_turn"), Signal(name=f"{name}_chosen")
        m.d.comb += [
            chosen.eq(Mux(turn, second.valid, ~first.valid)),
            o.valid.eq(first.valid | second.valid),
            o.p.eq(Mux(chosen, second.p, first.p)),
            first.ready.eq(o.ready & ~chosen),
            second.ready.eq(o.ready & chosen),
        ]
        with m.If(o.valid):
            # Whoever waits now is next; whoever was chosen stays so until it is taken.
            m.d.sync += turn.eq(chosen ^ o.ready)
        return chosen

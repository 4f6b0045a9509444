"""A memory port that stalls at random: nothing may depend on how fast a memory is."""

from typing import Any

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.memory.port import Port

__all__ = ["StallingPort"]

_LONGEST = 8  # bits of the longest pause of all three streams, in cycles
_RARE = 6  # bits of noise that must be zero for one to begin


class StallingPort(wiring.Component):
    """Lies between who asks and a memory, and lets each stream pass in some cycles alone.

    Now and then nothing passes for up to 255 cycles. What was offered once stays so. Nothing is
    delayed otherwise.

    Parameters
    ----------
    port : Port
        The memory's, from the side that asks.
    stalls : int
        Chance, of 16, that a command or word has to wait in a cycle; 0 to 15.

    Members
    -------
    asks : In(Port); memory : Out(Port)
    """

    asks: Any
    memory: Any

    def __init__(self, port: Port, stalls: int):
        self.stalls = stalls
        super().__init__({"asks": In(port), "memory": Out(port)})

    def elaborate(self, platform):
        """Build the source of noise and a gate in each stream."""
        m = Module()
        asks, memory = self.asks, self.memory
        noise = Signal(32, init=0x2545F491)
        taps = noise[0] ^ noise[10] ^ noise[30] ^ noise[31]
        m.d.sync += noise.eq(Cat(noise[1:], taps))
        pause = Signal(_LONGEST)
        with m.If(pause != 0):
            m.d.sync += pause.eq(pause - 1)
        with m.Elif(noise[:_RARE] == 0):
            m.d.sync += pause.eq(noise[_RARE : _RARE + _LONGEST])
        streams = (
            (asks.command, memory.command),
            (asks.write, memory.write),
            (memory.read, asks.read),
        )
        for number, (source, sink) in enumerate(streams):
            offered, passes = Signal(name=f"offered_{number}"), Signal(name=f"passes_{number}")
            stalled = noise[5 + 7 * number : 9 + 7 * number] < self.stalls
            m.d.comb += [
                passes.eq(offered | ((pause == 0) & ~stalled)),
                sink.valid.eq(source.valid & passes),
                source.ready.eq(sink.ready & passes),
                sink.p.eq(source.p),
            ]
            m.d.sync += offered.eq(sink.valid & ~sink.ready)
        return m

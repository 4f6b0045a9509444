"""Where a stream of bytes pauses: there a USB packet ends, and the host's transfer with it."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.link.cobs import Framed

__all__ = ["Ending"]


class Ending(wiring.Component):
    """Mark a byte as the last one if none follows it for ``pause`` cycles.

    One byte is held back until that is known. A transfer of the host ends with a packet that is
    not full, or with an empty one; without a mark behind a full packet it would wait for more.

    Parameters
    ----------
    pause : int
        Cycles, at least 1.

    Members
    -------
    i : In(stream.Signature(8))
    o : Out(stream.Signature(Framed))
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, pause: int):
        self._pause = pause
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(Framed()))})

    def elaborate(self, platform):
        m = Module()
        held, waited = Signal(), Signal(range(self._pause + 1))
        is_last = waited == self._pause
        m.d.comb += [
            self.o.valid.eq(held & (self.i.valid | is_last)),
            self.o.payload.last.eq(is_last),
            self.i.ready.eq(~held | (self.o.ready & ~is_last)),
        ]
        with m.If(held & ~is_last & ~self.i.valid):
            m.d.sync += waited.eq(waited + 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [held.eq(0), waited.eq(0)]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [self.o.payload.data.eq(self.i.payload), held.eq(1), waited.eq(0)]
        return m

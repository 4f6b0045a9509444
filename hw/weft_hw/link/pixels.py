"""Puts the zeros back that a host leaves out of pixels of few channels."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["PixelPadder"]


class PixelPadder(wiring.Component):
    """Follow each ``channels`` bytes by ``size - channels`` zeros.

    One byte per cycle; no latency. Where ``channels`` is 0 or equals ``size``, bytes pass as they
    are.

    Parameters
    ----------
    largest : int
        Bytes of the largest pixel.

    Members
    -------
    active : In(1)
        While 0, the next byte is a pixel's first one.
    channels : In(8), size : In(range(largest + 1))
        Must be there a cycle before ``active``; ``channels`` is at most ``size``.
    i, o : stream.Signature(8)
    """

    active: Signal
    channels: Signal
    size: Signal
    i: stream.Interface
    o: stream.Interface

    def __init__(self, largest: int):
        super().__init__(
            {
                "active": In(1),
                "channels": In(8),
                "size": In(range(largest + 1)),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        index, padding = Signal.like(self.size), Signal()
        last, last_channel, pads = Signal.like(self.size), Signal.like(self.size), Signal()
        m.d.sync += [
            last.eq(self.size - 1),
            last_channel.eq(self.channels - 1),
            pads.eq((self.channels != 0) & (self.channels != self.size)),
        ]
        m.d.comb += [
            self.o.valid.eq(self.i.valid | padding),
            self.o.payload.eq(Mux(padding, 0, self.i.payload)),
            self.i.ready.eq(self.o.ready & ~padding),
        ]
        with m.If(~self.active):
            m.d.sync += [index.eq(0), padding.eq(0)]
        with m.Elif(self.o.valid & self.o.ready):
            m.d.sync += index.eq(index + 1)
            with m.If(index == last):
                m.d.sync += [index.eq(0), padding.eq(0)]
            with m.Elif(pads & (index == last_channel)):
                m.d.sync += padding.eq(1)
        return m

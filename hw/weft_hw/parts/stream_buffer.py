"""Stream buffer: two places between producer and consumer, so that neither waits on the other."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StreamBuffer"]


class StreamBuffer(wiring.Component):
    """Hands a stream on through registers, ``ready`` as well as ``valid``.

    Latency is 1 cycle; one item per cycle.

    Parameters
    ----------
    shape : ShapeLike
        Of the items.

    Members
    -------
    i : In(stream.Signature(shape)); o : Out(stream.Signature(shape))
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, shape):
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform):
        m = Module()
        first, spare = (
            Signal.like(self.i.p, name=name, reset_less=True) for name in ("first", "spare")
        )
        is_full = Signal()
        m.d.comb += [self.i.ready.eq(~is_full), self.o.p.eq(first)]
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += self.o.valid.eq(self.i.valid | is_full)
            with m.If(is_full):
                m.d.sync += [first.eq(spare), is_full.eq(0)]
            with m.Else():
                m.d.sync += first.eq(self.i.p)
        with m.Elif(self.i.valid & self.i.ready):
            m.d.sync += is_full.eq(1)
        # Whether the item goes there is decided by is_full alone: its enable is not a path.
        with m.If(~is_full):
            m.d.sync += spare.eq(self.i.p)
        return m

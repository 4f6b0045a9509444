"""Frames held back until they are whole."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from weft_hw.parts.stream_buffer import StreamBuffer

__all__ = ["WholeFrames"]


class WholeFrames(wiring.Component):
    """Hand frames on, each once its closing zero has come, so that ``o`` has no gap in a frame.

    A frame that is longer than ``depth`` begins to leave once it fills the memory, which is made of
    LUTs. One byte per cycle each way; a frame's first byte leaves 2 cycles after its zero came.

    Parameters
    ----------
    depth : int
        Bytes held.

    Members
    -------
    i : In(stream.Signature(8)); o : Out(stream.Signature(8))
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self, depth: int):
        self._depth = depth
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        held: Any = SyncFIFO(width=8, depth=self._depth)
        m.submodules.held = held
        m.submodules.buffer = buffer = StreamBuffer(8)
        queued = held.r_stream
        whole = Signal(range(self._depth + 1))  # frames
        leaves, comes = Signal(), Signal()
        m.d.comb += [
            leaves.eq(queued.valid & buffer.i.ready & ((whole != 0) | ~self.i.ready)),
            buffer.i.valid.eq(leaves),
            buffer.i.payload.eq(queued.payload),
            queued.ready.eq(leaves),
            comes.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += whole.eq(
            whole + (comes & (self.i.payload == 0)) - (leaves & (queued.payload == 0))
        )
        wiring.connect(m, wiring.flipped(self.i), held.w_stream)
        wiring.connect(m, buffer.o, wiring.flipped(self.o))
        return m

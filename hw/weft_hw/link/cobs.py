"""Consistent Overhead Byte Stuffing: frames without zero bytes, closed by a zero byte.

Source: S. Cheshire and M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
Networking 7(2), 1999. A code byte ``n`` stands before ``n - 1`` non-zero bytes and, unless it is
255 or the frame ends there, for the zero byte after them.
"""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CobsDecoder", "CobsEncoder", "Framed", "Token"]

LONGEST = 0xFF  # the code byte of a block that ends without a zero


class Token(data.StructLayout):
    """A decoded byte, or (``end``) the end of a frame, which is ``broken`` if a block was short."""

    def __init__(self):
        super().__init__({"data": 8, "end": 1, "broken": 1})


class Framed(data.StructLayout):
    """A byte of a frame; ``last`` marks its last one."""

    def __init__(self):
        super().__init__({"data": 8, "last": 1})


class CobsDecoder(wiring.Component):
    """Decode one byte per cycle, without latency: a counter of the bytes left in a block.

    The first code byte of a frame and a code byte after a longest block give no token; every
    other byte gives one. An empty frame (two zeros in a row) gives an end that is not broken.

    Members
    -------
    i : In(stream.Signature(8))
    o : Out(stream.Signature(Token))
    """

    i: stream.Interface
    o: stream.Interface

    def __init__(self):
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(Token()))})

    def elaborate(self, platform):
        m = Module()
        left = Signal(8)
        silent = Signal(init=1)  # no zero stands before the next block
        is_code = Signal()
        m.d.comb += [
            is_code.eq(left == 0),
            self.i.ready.eq(self.o.ready),
            self.o.valid.eq(self.i.valid),
        ]
        with m.If(self.i.payload == 0):
            m.d.comb += [self.o.payload.end.eq(1), self.o.payload.broken.eq(~is_code)]
        with m.Elif(is_code):
            m.d.comb += self.o.valid.eq(self.i.valid & ~silent)
        with m.Else():
            m.d.comb += self.o.payload.data.eq(self.i.payload)

        with m.If(self.i.valid & self.i.ready):
            with m.If(self.i.payload == 0):
                m.d.sync += [left.eq(0), silent.eq(1)]
            with m.Elif(is_code):
                m.d.sync += [left.eq(self.i.payload - 1), silent.eq(self.i.payload == LONGEST)]
            with m.Else():
                m.d.sync += left.eq(left - 1)
        return m


class CobsEncoder(wiring.Component):
    """Encode frames into a ring of memory, where a code byte is written after its block.

    One byte per cycle, but 2 cycles at the end of a frame and 1 after each 254 bytes without a
    zero; stalls while the ring is full. After reset a lone zero byte ends whatever frame a reset
    cut short.

    Parameters
    ----------
    depth : int
        Bytes in the ring, a power of two above 256.

    Members
    -------
    i : In(stream.Signature(Framed))
    head : In(range(2 * depth))
        Address of the oldest byte still needed, counted modulo ``2 * depth``.
    limit : Out(range(2 * depth))
        Address after the last finished byte; all from ``head`` to it may be sent.
    write_address : Out(range(depth)); write_data : Out(8); write_enable : Out(1)
    idle : Out(1)
        No frame is under way.
    """

    i: stream.Interface
    idle: Signal
    head: Signal
    limit: Signal
    write_address: Signal
    write_data: Signal
    write_enable: Signal

    def __init__(self, *, depth: int):
        if depth <= 256 or depth & depth - 1:
            raise ValueError(f"CobsEncoder.depth must be a power of two above 256, not {depth!r}")
        self.depth = depth
        pointer = unsigned(depth.bit_length())
        super().__init__(
            {
                "i": In(stream.Signature(Framed())),
                "head": In(pointer),
                "limit": Out(pointer),
                "write_address": Out(range(depth)),
                "write_data": Out(8),
                "write_enable": Out(1),
                "idle": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        code = self.limit  # where the code byte of the block under way belongs
        length = Signal(8, init=1)  # the code byte's value so far
        end, has_room = Signal(code.shape(), init=1), Signal()  # end is code + length
        with m.If(self.write_enable):
            m.d.sync += end.eq(end + 1)
        # Compared a cycle ahead, in which two bytes at most may be written.
        m.d.sync += has_room.eq(((end - self.head) & (2 * self.depth - 1)) < self.depth - 2)

        def close_block(value):
            m.d.comb += [self.write_address.eq(code), self.write_data.eq(value)]
            m.d.comb += self.write_enable.eq(1)
            m.d.sync += [code.eq(end), length.eq(1)]

        with m.FSM(init="DELIMIT") as fsm:
            m.d.comb += self.idle.eq(fsm.ongoing("BYTES") & (length == 1))
            with m.State("DELIMIT"), m.If(has_room):
                close_block(0)
                m.next = "BYTES"
            with m.State("BYTES"):
                m.d.comb += self.i.ready.eq(has_room & (length != LONGEST))
                with m.If(length == LONGEST):
                    close_block(LONGEST)
                with m.Elif(self.i.valid & has_room):
                    with m.If(self.i.payload.data == 0):
                        close_block(length)
                    with m.Else():
                        m.d.comb += [
                            self.write_address.eq(end),
                            self.write_data.eq(self.i.payload.data),
                            self.write_enable.eq(1),
                        ]
                        m.d.sync += length.eq(length + 1)
                    with m.If(self.i.payload.last):
                        m.next = "LAST-BLOCK"
            with m.State("LAST-BLOCK"):
                close_block(length)
                m.next = "DELIMIT"
        return m

"""Bursts: the rows of one move, cut into what the memory port allows."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES
from weft_hw.contract.move import MOVE
from weft_hw.memory.port import BURST_WORDS, command_layout
from weft_hw.parts.fields import layout_of

__all__ = ["Bursts"]


class Bursts(wiring.Component):
    """Ask for ``blocks`` blocks in each row of a move, as few bursts as it takes.

    A burst every 3 cycles at most; one row follows the other at once.

    Parameters
    ----------
    memory_bytes, word_bytes : int
        Of the memory port.

    Members
    -------
    begin : In(1); move : In, blocks : In(17), constant from ``begin`` until ``done``
    done : Out(1), all bursts were taken
    command : Out(stream.Signature(command_layout(memory_bytes, word_bytes)))
    """

    command: stream.Interface
    begin: Signal
    move: data.View
    blocks: Signal
    done: Signal

    def __init__(self, memory_bytes: int, word_bytes: int):
        self._shift = exact_log2(DRAM_BLOCK_BYTES // word_bytes)  # from blocks to words
        super().__init__(
            {
                "begin": In(1),
                "move": In(layout_of(MOVE)),
                "blocks": In(17),
                "done": Out(1),
                "command": Out(stream.Signature(command_layout(memory_bytes, word_bytes))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        move, command = self.move, self.command.p
        most = BURST_WORDS >> self._shift  # blocks in a burst
        address, row = Signal.like(move.block), Signal.like(move.block)
        left, rows = Signal.like(self.blocks), Signal.like(move.rows)
        # What is left of the row, and of the stretch that a burst must not leave.
        room, length = Signal(range(most + 1)), Signal(range(most + 1))
        is_last = Signal()  # of its row
        m.d.comb += [
            command.write.eq(move.store),
            command.address.eq(address << self._shift),
            command.length.eq(length << self._shift),
            room.eq(most - address[: most.bit_length() - 1]),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [row.eq(move.block), rows.eq(move.rows)]
                m.d.comb += self.done.eq(1)
                with m.If(self.begin):
                    m.next = "ROW"
            with m.State("ROW"):
                m.d.sync += [
                    address.eq(row),
                    left.eq(self.blocks),
                    row.eq(row + move.block_step),
                    rows.eq(rows - 1),
                ]
                m.next = "CUT"
            with m.State("CUT"):
                m.d.sync += [length.eq(Mux(left < room, left, room)), is_last.eq(left <= room)]
                m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.command.valid.eq(1)
                with m.If(self.command.ready):
                    m.d.sync += [address.eq(address + length), left.eq(left - length)]
                    m.next = "CUT"
                    with m.If(is_last):
                        m.next = "ROW"
                        with m.If(rows == 0):
                            m.next = "IDLE"
        return m

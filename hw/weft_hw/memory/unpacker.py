"""From port words to units of any size."""

from math import gcd

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, max_unit_bytes, memory_map
from weft_hw.contract.move import MOVE
from weft_hw.engine.ports import write_layout
from weft_hw.memory.move_rows import MoveRows
from weft_hw.parts.fields import layout_of

__all__ = ["Unpacker", "unit_sizes"]


def unit_sizes(config: Config) -> set[int]:
    """Return the sizes in bytes of the units that a move may load."""
    return {memory.unit_bytes for memory in memory_map(config).values()}


class Unpacker(wiring.Component):
    """Make units of the words of a move's rows; each row begins and ends with a block.

    A word per cycle, while ``o`` takes a unit of every 2 cycles; 2 cycles more per row.

    Parameters
    ----------
    config : Config
    word_bytes : int

    Members
    -------
    begin : In(1); move : In, size : In, bytes of a unit; constant from the cycle before ``begin``
        until ``done``
    done : Out(1), every unit was taken
    i : In(stream.Signature(8 * word_bytes))
    o : Out(stream.Signature(write_layout(config)))
    """

    i: stream.Interface
    o: stream.Interface
    begin: Signal
    move: View
    size: Signal
    done: Signal

    def __init__(self, config: Config, word_bytes: int):
        self._sizes, self._word_bytes = unit_sizes(config), word_bytes
        super().__init__(
            {
                "begin": In(1),
                "move": In(layout_of(MOVE)),
                "size": In(range(max_unit_bytes(config) + 1)),
                "done": Out(1),
                "i": In(stream.Signature(8 * word_bytes)),
                "o": Out(stream.Signature(write_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word, largest = self._word_bytes, max(self._sizes)
        place = MoveRows(m, self.move)
        # Words enter at the top. The oldest byte that is left lies `size + excess` bytes below it:
        # whether there is a whole unit is the sign of a register, as it decides much in its cycle.
        words = -(-(largest + word - 1) // word)
        held = Signal(8 * word * words, reset_less=True)
        excess, full = Signal(range(-largest, word * words)), Signal()
        unit, surplus = Signal(8 * largest), Signal(range(word))
        m.d.comb += [full.eq(excess >= 0), surplus.eq(excess[: len(surplus)])]
        with m.Switch(Cat(self.size, surplus)):
            for size in sorted(self._sizes):
                for rest in range(0, word, gcd(size, word)):
                    first = len(held) - 8 * (size + rest)
                    with m.Case(size | rest << len(self.size)):
                        m.d.comb += unit.eq(held[first : first + 8 * size])

        block_words = DRAM_BLOCK_BYTES // word
        index = Signal(range(block_words))  # of the next word in its block
        active, row_ends, copies, enters = Signal(), Signal(), Signal(), Signal()
        out = self.o.p
        m.d.comb += [
            copies.eq(full & ~self.o.valid & ~row_ends & active),
            self.i.ready.eq(
                active & Mux(row_ends, index != 0, ~full | (~self.o.valid & ~place.last))
            ),
            enters.eq(self.i.valid & self.i.ready),
            out.region.eq(self.move.region),
            self.done.eq(~active & ~self.o.valid),
        ]
        with m.If(enters):
            m.d.sync += [held.eq(Cat(held[8 * word :], self.i.p)), index.eq(index + 1)]
        m.d.sync += excess.eq(excess + Mux(enters, word, 0) - Mux(copies, self.size, 0))
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(copies):
            m.d.sync += [
                self.o.valid.eq(1),
                out.address.eq(place.address),
                out.data.eq(unit),
                *place.next_unit(),
                row_ends.eq(place.last),
            ]
        # The rest of a row's last block is dropped.
        with m.If(row_ends):
            m.d.sync += excess.eq(-self.size)
            with m.If(index == 0):
                m.d.sync += [*place.next_row(), row_ends.eq(0), active.eq(~place.last_row)]
        with m.If(self.begin):
            m.d.sync += [*place.begin(), active.eq(1), excess.eq(-self.size)]
        return m

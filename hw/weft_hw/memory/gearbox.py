"""Gearboxes: from port words to units of any size, and back."""

from math import gcd

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, max_unit_bytes, memory_map
from weft_hw.contract.move import MOVE
from weft_hw.engine.ports import read_layout, write_layout
from weft_hw.parts.fields import layout_of

__all__ = ["Packer", "Unpacker", "stored_sizes", "unit_sizes"]


def unit_sizes(config: Config) -> set[int]:
    """Return the sizes in bytes of the units that a move may load."""
    return {memory.unit_bytes for memory in memory_map(config).values()}


def stored_sizes(config: Config) -> set[int]:
    """Return the sizes in bytes of the units that a move may store."""
    return {memory.unit_bytes for memory in memory_map(config).values() if memory.readable}


class _Rows:
    """Where a gearbox stands: the unit's address, the units and rows that are left.

    Whether a unit or a row is the last one decides much within its cycle: it is known a cycle
    ahead.
    """

    def __init__(self, m: Module, move):
        self.move = move
        self.address, self._row = Signal.like(move.unit), Signal.like(move.unit)
        self.left, self.rows = Signal.like(move.count), Signal.like(move.rows)
        self.last, self.last_row = Signal(), Signal()
        self._single, self._single_row = Signal(), Signal()
        m.d.sync += [self._single.eq(move.count == 1), self._single_row.eq(move.rows == 1)]

    def begin(self):
        """Return what starts the first row."""
        move = self.move
        return [
            self.address.eq(move.unit),
            self._row.eq(move.unit + move.unit_step),
            self.left.eq(move.count),
            self.last.eq(self._single),
            self.rows.eq(move.rows),
            self.last_row.eq(self._single_row),
        ]

    def next_unit(self):
        """Return what steps to the next unit of the row."""
        return [
            self.address.eq(self.address + 1),
            self.left.eq(self.left - 1),
            self.last.eq(self.left == 2),
        ]

    def next_row(self):
        """Return what starts the next row."""
        return [
            self.address.eq(self._row),
            self._row.eq(self._row + self.move.unit_step),
            self.left.eq(self.move.count),
            self.last.eq(self._single),
            self.rows.eq(self.rows - 1),
            self.last_row.eq(self.rows == 2),
        ]


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
        place = _Rows(m, self.move)
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


class Packer(wiring.Component):
    """Read the units of a move's rows and make words of them; each row fills its last block.

    A word per cycle while units come in time; 1 cycle more per row.

    Parameters
    ----------
    config : Config
    word_bytes : int
        Divides the sizes of all units that can be read.

    Members
    -------
    begin : In(1); move : In, size : In, bytes of a unit; constant from the cycle before ``begin``
        until ``done``
    done : Out(1), every word was taken
    request : Out(stream.Signature(read_layout())); data : In(stream), the answers
    o : Out(stream.Signature(8 * word_bytes))
    """

    request: stream.Interface
    data: stream.Interface
    o: stream.Interface
    begin: Signal
    move: View
    size: Signal
    done: Signal

    def __init__(self, config: Config, word_bytes: int):
        self._sizes, self._word_bytes = stored_sizes(config), word_bytes
        for size in self._sizes:
            if size % word_bytes:
                raise ValueError(
                    f"Packer.word_bytes must divide {size}, a unit's bytes, not {word_bytes}"
                )
        super().__init__(
            {
                "begin": In(1),
                "move": In(layout_of(MOVE)),
                "size": In(range(max_unit_bytes(config) + 1)),
                "done": Out(1),
                "request": Out(stream.Signature(read_layout())),
                "data": In(stream.Signature(8 * max_unit_bytes(config))),
                "o": Out(stream.Signature(8 * word_bytes)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        word = self._word_bytes
        # Units are asked for ahead of what leaves, across the ends of rows.
        place, asking = _Rows(m, self.move), Signal()
        waiting = Signal()
        m.d.comb += [
            self.request.valid.eq(asking & ~waiting),
            self.request.p.region.eq(self.move.region),
            self.request.p.address.eq(place.address),
        ]
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [*place.next_unit(), waiting.eq(1)]
            with m.If(place.last):
                m.d.sync += [*place.next_row(), asking.eq(~place.last_row)]
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += waiting.eq(0)

        # A unit leaves word by word; a row's last block is filled with anything.
        largest = max(self._sizes)
        held = Signal(8 * largest, reset_less=True)
        words, some, last = Signal(range(largest // word + 1)), Signal(), Signal()
        units, rows = Signal.like(self.move.count), Signal.like(self.move.rows)
        index = Signal(range(DRAM_BLOCK_BYTES // word))
        active, fills, leaves = Signal(), Signal(), Signal()
        m.d.comb += [
            self.o.p.eq(held),
            self.o.valid.eq(some | (fills & (index != 0))),
            leaves.eq(self.o.valid & self.o.ready),
            self.data.ready.eq(active & ~fills & (~some | (last & self.o.ready))),
            self.done.eq(~active),
        ]
        with m.If(leaves):
            m.d.sync += [
                held.eq(held >> 8 * word),
                index.eq(index + 1),
                words.eq(words - 1),
                some.eq(some & ~last),
                last.eq(words == 2),
            ]
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += [
                held.eq(self.data.p),
                words.eq(self.size >> exact_log2(word)),
                some.eq(1),
                last.eq(self.size == word),
            ]
            with m.If(units == 1):
                m.d.sync += fills.eq(1)
            m.d.sync += units.eq(units - 1)
        with m.If(fills & ~some & (index == 0)):
            m.d.sync += [
                fills.eq(0),
                units.eq(self.move.count),
                rows.eq(rows - 1),
                active.eq(rows != 1),
            ]
        with m.If(self.begin):
            m.d.sync += [
                *place.begin(),
                asking.eq(1),
                waiting.eq(0),
                active.eq(1),
                units.eq(self.move.count),
                rows.eq(self.move.rows),
            ]
        return m

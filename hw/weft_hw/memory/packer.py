"""From units of any size to port words."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.data import View
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, max_unit_bytes, memory_map
from weft_hw.contract.move import MOVE
from weft_hw.engine.ports import read_layout
from weft_hw.memory.move_rows import MoveRows
from weft_hw.parts.fields import layout_of

__all__ = ["Packer", "stored_sizes"]


def stored_sizes(config: Config) -> set[int]:
    """Return the sizes in bytes of the units that a move may store."""
    return {memory.unit_bytes for memory in memory_map(config).values() if memory.readable}


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
        place, asking = MoveRows(m, self.move), Signal()
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

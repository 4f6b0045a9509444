"""Behavioural memories; the reference for every family's primitives."""

from collections.abc import Callable

from amaranth.hdl import Const, Module, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.contract.timing import READ_LATENCY
from weft_hw.parts.delay import delay

__all__ = ["READ_LATENCY", "BlockRam", "WeightColumn"]


class BlockRam(wiring.Component):
    """Simple dual-port memory with an output register: data 2 cycles after its address.

    One read and one write per cycle. Reading the address that is written in the same cycle
    gives either the old or the new data.

    Parameters
    ----------
    width, depth : int
        Bits in a word, number of words.
    granularity : int, optional
        Bits that share a write enable; the whole word by default.

    Members
    -------
    read_address : In(range(depth)); read_data : Out(width)
    write_address : In(range(depth)); write_data : In(width)
    write_enable : In(width // granularity)
    """

    read_address: Signal
    read_data: Signal
    write_address: Signal
    write_data: Signal
    write_enable: Signal

    def __init__(self, *, width: int, depth: int, granularity: int | None = None):
        self.width, self.depth, self.granularity = width, depth, granularity or width
        address = unsigned(max(1, ceil_log2(depth)))
        super().__init__(
            {
                "read_address": In(address),
                "read_data": Out(width),
                "write_address": In(address),
                "write_data": In(width),
                "write_enable": In(width // self.granularity),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        write = memory.write_port(granularity=self.granularity)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write_enable),
            read.addr.eq(self.read_address),
            read.en.eq(Const(1)),
        ]
        m.d.sync += self.read_data.eq(read.data)
        return m


class WeightColumn(wiring.Component):
    """Weights of neighbouring columns of the array: a byte per row, read at the row's own address.

    Data come 2 cycles after their address; one word is read and one written per cycle. The
    producer keeps the addresses staggered: row ``r`` is given what row 0 was given
    ``r // at_once`` cycles before. (A family may lean on that to store several rows together, and
    on the columns' common address to store several columns together; this one does neither.)

    Parameters
    ----------
    rows, depth : int
        Bytes in a column's word, number of words.
    columns : int
        Columns that are read at the same addresses.
    at_once : int
        Rows that are given an address in the same cycle.
    words : int
        Words that are read together, 1, 2 or 4: the one at the address, the one at
        ``address | 1`` and, 2 cycles later, the last two of its group of four. With more than
        one, what is read in the cycle of a write is undefined.
    block_ram : callable, optional
        Builds the memory of a byte; :class:`BlockRam` by default.

    Members
    -------
    read_address : In(range(depth)).array(rows)
    read_data : Out(signed(8)).array(words * columns * rows), at
        ``(word * columns + column) * rows + row``
    write_address : In(range(depth)); write_data : In(rows * 8), row 0 lowest
    write_enable : In(columns)
    """

    read_address: list[Signal]
    read_data: list[Signal]
    write_address: Signal
    write_data: Signal
    write_enable: Signal

    def __init__(
        self,
        *,
        rows: int,
        depth: int,
        columns: int = 1,
        at_once: int = 1,
        words: int = 1,
        block_ram: Callable[..., BlockRam] = BlockRam,
    ):
        self.at_once, self.words = at_once, words
        self.rows, self.depth, self.columns, self._block_ram = rows, depth, columns, block_ram
        address = unsigned(max(1, ceil_log2(depth)))
        super().__init__(
            {
                "read_address": In(address).array(rows),
                "read_data": Out(signed(8)).array(words * columns * rows),
                "write_address": In(address),
                "write_data": In(rows * 8),
                "write_enable": In(columns),
            }
        )

    def elaborate(self, platform):
        m = Module()
        for index in range(self.columns * self.rows):
            column, row = divmod(index, self.rows)
            if self.words > 1:
                self._group(m, column, row)
                continue
            m.submodules[f"row_{index}"] = ram = self._block_ram(width=8, depth=self.depth)
            m.d.comb += [
                ram.read_address.eq(self.read_address[row]),
                self.read_data[index].eq(ram.read_data),
                ram.write_address.eq(self.write_address),
                ram.write_data.eq(self.write_data.word_select(row, 8)),
                ram.write_enable.eq(self.write_enable[column]),
            ]
        return m

    def _group(self, m, column, row):
        """Keep one byte of each word in a memory of whole groups."""
        bits = ceil_log2(self.words)
        m.submodules[f"row_{column * self.rows + row}"] = ram = self._block_ram(
            width=8 * self.words, depth=-(-self.depth // self.words), granularity=8
        )
        address = self.read_address[row]
        chosen = delay(m, address[:bits], READ_LATENCY, name=f"chosen_{column}_{row}")
        m.d.comb += [
            ram.read_address.eq(address[bits:]),
            ram.write_address.eq(self.write_address[bits:]),
            ram.write_data.eq(self.write_data.word_select(row, 8).replicate(self.words)),
            ram.write_enable.eq(self.write_enable[column] << self.write_address[:bits]),
        ]
        for word in range(self.words):
            number = [chosen, chosen | 1, 2, 3][word]
            byte = ram.read_data.word_select(number, 8)
            m.d.comb += self.read_data[(word * self.columns + column) * self.rows + row].eq(
                delay(m, byte, 2 * (word // 2), name=f"byte_{word}_{column}_{row}")
            )

"""Weight memories of Lattice ECP5 that read several words in a cycle, by both ports of a block."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.ecp5.memory import block
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.nine_bits import NineBitWeightColumn, Shape

__all__ = ["Ecp5WeightGroups"]

_PAIR = Shape(18, 1024)  # two words side by side
_ADDRESS_BITS = 10  # of a block of two words side by side
_BITS = 9  # of a row in one word: a byte, and a bit of the ninth row's


class Ecp5WeightGroups(NineBitWeightColumn):
    """:class:`WeightColumn` with ``words`` of 2 or 4: two lie side by side in a block of 18 bits.

    Port B reads the two at ``address``. Port A reads the other two of a group of four, unless it
    writes. A row of a column is one block, whatever the depth, which must not exceed 2,048 words.
    """

    @property
    def blocks(self) -> int:
        """DP16KD blocks used."""
        return len(self._widths()) * self.columns

    def elaborate(self, platform):
        if self.depth > 2 * _PAIR.depth:
            raise ValueError(f"a block holds {2 * _PAIR.depth} weight words, not {self.depth}")
        m = Module()
        writes = Signal()
        m.d.comb += writes.eq(self.write_enable.any())
        for row, width in self._widths().items():
            read = self.read_address[row]
            chosen = delay(m, read[0], READ_LATENCY, name=f"chosen_{row}")
            later = delay(m, read[1:] | 1, 2, name=f"later_{row}")
            place = Signal(_ADDRESS_BITS, name=f"place_{row}")
            m.d.comb += place.eq(Mux(writes, self.write_address[1:], later))
            # Blocks are named by row and column, as the floorplan has them.
            m.submodules[f"row_{row}"] = blocks = Module()
            for column in range(self.columns):
                self._byte(m, blocks, row, width, column, place, chosen)
        return m

    def _byte(
        self,
        m: Module,
        blocks: Module,
        row: int,
        width: int,
        column: int,
        place: Value,
        chosen: Value,
    ) -> None:
        """Connect the block of one row of one column."""
        data = self.write_data.word_select(row, 8)
        ninth, bit = row - row % 9 + 8, row % 9
        if width == _BITS:
            data = Cat(data, self.write_data[ninth * 8 + bit])
        data = Cat(data, Const(0, _BITS - width))
        address = self.write_address
        last = Signal(2 * _BITS, name=f"last_{column}_{row}")
        enable = self.write_enable[column]
        first = block(
            blocks,
            _PAIR,
            Cat(self.read_address[row][1:], Const(0, _ADDRESS_BITS))[:_ADDRESS_BITS],
            place,
            data.replicate(2),
            Cat(enable & ~address[0], enable & address[0]),
            last,
        )
        read = [Mux(chosen, first[_BITS:], first[:_BITS]), first[_BITS:]]
        if self.words == 4:
            read += [last[:_BITS], last[_BITS:]]
        for word, byte in enumerate(read):
            start = (word * self.columns + column) * self.rows
            m.d.comb += self.read_data[start + row].eq(byte[:8])
            if width == _BITS:
                waits = ninth // self.at_once - row // self.at_once
                m.d.comb += self.read_data[start + ninth][bit].eq(
                    delay(m, byte[8], waits, name=f"parity_{word}_{column}_{row}")
                )

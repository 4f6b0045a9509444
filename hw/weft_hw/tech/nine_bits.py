"""Memories of blocks of 18 kbit whose bytes have nine bits, as ECP5 and Gowin have them."""

from typing import NamedTuple

from amaranth.hdl import Array, Cat, Const, Module, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.blocks import cheapest
from weft_hw.tech.memories import READ_LATENCY, BlockRam, WeightColumn

__all__ = ["NineBitBlockRam", "NineBitWeightColumn", "Shape"]

_LANE_BITS = 9  # data bits that share a byte enable
_ADDRESS_PINS = 14


class Shape(NamedTuple):
    """One way to use a block: ``width`` bits (9 or more with byte enables) in ``depth`` words."""

    width: int
    depth: int

    @property
    def lanes(self) -> int:
        """Byte enables."""
        return max(1, self.width // _LANE_BITS)

    def pins(self, address: Value, enables: Value | None = None) -> Value:
        """Return what is at the address pins; the lowest of a write are the byte enables."""
        unused = _ADDRESS_PINS - (self.depth - 1).bit_length()
        pins = Cat(Const(0, unused), address)
        return pins if enables is None or self.lanes == 1 else Cat(enables, pins[self.lanes :])


# In order of preference at equal cost.
_SHAPES = [
    Shape(36, 512),
    Shape(18, 1024),
    Shape(9, 2048),
    Shape(4, 4096),
    Shape(2, 8192),
    Shape(1, 16384),
]


class _Column(NamedTuple):
    """Bits of a word that one block keeps: runs of bits, one run for each byte enable."""

    runs: tuple[range, ...]


def _columns(width: int, granularity: int, shape: Shape) -> list[_Column]:
    """Distribute a word over blocks of ``shape``; a run never spans two write enables."""
    if granularity == width:
        step = shape.width
        starts = range(0, width, step)
        return [_Column((range(start, min(start + step, width)),)) for start in starts]
    limit = min(shape.width, _LANE_BITS)
    runs = [
        range(start, min(start + limit, end))
        for end in range(granularity, width + 1, granularity)
        for start in range(end - granularity, end, limit)
    ]
    return [_Column(tuple(runs[k : k + shape.lanes])) for k in range(0, len(runs), shape.lanes)]


def _layout(width: int, depth: int, granularity: int) -> tuple[Shape, list[_Column], int]:
    """Return the shape of a block, the blocks side by side, and the number of such rows."""
    return cheapest(_SHAPES, lambda shape: _columns(width, granularity, shape), depth)


class NineBitBlockRam(BlockRam):
    """:class:`BlockRam` of such blocks, in the shape that takes fewest of them.

    Where several blocks deep are unavoidable, a multiplexer follows the output registers. Reading
    the address that is written in the same cycle gives undefined data. A family's subclass makes
    a block.
    """

    def block(
        self,
        m: Module,
        shape: Shape,
        read_address: Value,
        write_address: Value,
        write_data: Value,
        enables: Value,
    ) -> Value:
        """Instantiate one block and return its bits of read data, 2 cycles after their address."""
        raise NotImplementedError

    @property
    def blocks(self) -> int:
        """Blocks used."""
        _, columns, banks = _layout(self.width, self.depth, self.granularity)
        return len(columns) * banks

    def elaborate(self, platform):
        m = Module()
        shape, columns, banks = _layout(self.width, self.depth, self.granularity)
        offset_bits = (shape.depth - 1).bit_length()

        def offset(address: Value) -> Value:
            return Cat(address, Const(0, offset_bits))[:offset_bits]

        data = []
        for bank in range(banks):
            word = Signal(self.width, name=f"word_{bank}")
            data.append(word)
            chosen = self.write_address[offset_bits:] == bank
            for column in columns:
                lanes = []
                enables = []
                for run in column.runs:
                    enable = self.write_enable[run.start // self.granularity] & chosen
                    width = shape.width if len(column.runs) == 1 else _LANE_BITS
                    bits = self.write_data[run.start : run.stop]
                    lanes.append(Cat(bits, Const(0, width - len(bits))))
                    enables += [enable] * (shape.lanes if len(column.runs) == 1 else 1)
                enables += [Const(0, 1)] * (shape.lanes - len(enables))
                out = self.block(
                    m,
                    shape,
                    offset(self.read_address),
                    offset(self.write_address),
                    Cat(*lanes),
                    Cat(*enables),
                )
                for lane, run in enumerate(column.runs):
                    start = lane * _LANE_BITS
                    m.d.comb += word[run.start : run.stop].eq(out[start : start + len(run)])
        bank = delay(m, self.read_address[offset_bits:], READ_LATENCY, name="bank")
        m.d.comb += self.read_data.eq(Array(data)[bank] if banks > 1 else data[0])
        return m


class NineBitWeightColumn(WeightColumn):
    """:class:`WeightColumn` that stores every ninth row in the parity bits of the eight before.

    Bit ``k`` of the ninth row's weight lies beside row ``k``'s, comes out together with it, and
    waits the cycles by which the ninth row's address is later. Where a block is deeper
    than ``depth``, a row of 2 or 4 columns shares it.
    """

    @property
    def blocks(self) -> int:
        """Blocks used."""
        layouts = [
            _layout(width * self.columns, self.depth, width) for width in self._widths().values()
        ]
        return sum(len(columns) * banks for _, columns, banks in layouts)

    def _widths(self) -> dict[int, int]:
        """Return the bits of a column that each row with a memory of its own keeps there."""
        return {
            row: 9 if row - row % 9 + 8 < self.rows else 8
            for row in range(self.rows)
            if row % 9 < 8
        }

    def elaborate(self, platform):
        m = Module()
        for row, width in self._widths().items():
            m.submodules[f"row_{row}"] = ram = self._block_ram(
                width=width * self.columns, depth=self.depth, granularity=width
            )
            data = self.write_data.word_select(row, 8)
            ninth, bit = row - row % 9 + 8, row % 9
            if width == 9:
                data = Cat(data, self.write_data[ninth * 8 + bit])
            m.d.comb += [
                ram.read_address.eq(self.read_address[row]),
                ram.write_address.eq(self.write_address),
                ram.write_data.eq(data.replicate(self.columns)),
                ram.write_enable.eq(self.write_enable),
            ]
            for column in range(self.columns):
                read, start = (
                    ram.read_data[column * width : (column + 1) * width],
                    column * self.rows,
                )
                m.d.comb += self.read_data[start + row].eq(read[:8])
                if width == 9:
                    m.d.comb += self.read_data[start + ninth][bit].eq(
                        delay(
                            m,
                            read[8],
                            ninth // self.at_once - row // self.at_once,
                            name=f"parity_{column}_{row}",
                        )
                    )
        return m

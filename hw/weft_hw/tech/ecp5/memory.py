"""Memories of Lattice ECP5: DP16KD blocks in any width and depth, with their output registers."""

from typing import NamedTuple

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.blocks import cheapest
from weft_hw.tech.memories import READ_LATENCY, BlockRam, WeightColumn

__all__ = ["Ecp5BlockRam", "Ecp5WeightColumn"]

_LANE_BITS = 9  # data bits that share a byte enable


class _Shape(NamedTuple):
    """One way to use a block: ``width`` bits (9 or more with byte enables) in ``depth`` words."""

    width: int
    depth: int

    @property
    def lanes(self) -> int:
        """Byte enables."""
        return max(1, self.width // _LANE_BITS)


# In order of preference at equal cost.
_SHAPES = [
    _Shape(36, 512),
    _Shape(18, 1024),
    _Shape(9, 2048),
    _Shape(4, 4096),
    _Shape(2, 8192),
    _Shape(1, 16384),
]


class _Column(NamedTuple):
    """Bits of a word that one block keeps: runs of bits, one run for each byte enable."""

    runs: tuple[range, ...]


def _columns(width: int, granularity: int, shape: _Shape) -> list[_Column]:
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


def _layout(width: int, depth: int, granularity: int) -> tuple[_Shape, list[_Column], int]:
    """Return the shape of a block, the blocks side by side, and the number of such rows."""
    return cheapest(_SHAPES, lambda shape: _columns(width, granularity, shape), depth)


def _block(
    m: Module,
    shape: _Shape,
    read_address: Value,
    write_address: Value,
    write_data: Value,
    enables: Value,
) -> Value:
    """Instantiate one block and return its ``shape.width`` bits of read data.

    Port A writes and port B reads. The widest shape takes both halves of the data pins: the low
    half leaves at DOA, the high half at DOB.
    """
    wide = shape.width == 36
    data_in, data_out = Signal(36), Signal(36)
    m.d.comb += data_in.eq(write_data)
    address_bits = (shape.depth - 1).bit_length()
    addresses = {
        "A": Cat(Const(0, 14 - address_bits), write_address),
        "B": Cat(Const(0, 14 - address_bits), read_address),
    }
    if shape.lanes > 1:  # the lowest address bits are the byte enables
        addresses["A"] = Cat(enables, addresses["A"][shape.lanes :])
    ports: dict[str, Value] = {}
    for port in "AB":
        for bit in range(14):
            ports[f"i_AD{port}{bit}"] = addresses[port][bit]
        for bit in range(18):
            from_high = wide and port == "B"
            ports[f"i_DI{port}{bit}"] = (
                data_in[bit + 18 * from_high] if wide or port == "A" else Const(0, 1)
            )
            if wide or port == "B":
                ports[f"o_DO{port}{bit}"] = data_out[bit + 18 * from_high]
        for bit in range(3):
            ports[f"i_CS{port}{bit}"] = Const(0, 1)
        ports[f"i_CLK{port}"] = ClockSignal()
        ports[f"i_CE{port}"] = ports[f"i_OCE{port}"] = Const(1, 1)
        ports[f"i_RST{port}"] = Const(0, 1)
    ports["i_WEA"] = Const(1, 1) if wide else enables.any()
    ports["i_WEB"] = Const(0, 1)
    m.submodules += Instance(
        "DP16KD",
        **ports,
        p_DATA_WIDTH_A=shape.width,
        p_DATA_WIDTH_B=shape.width,
        p_REGMODE_A="OUTREG",
        p_REGMODE_B="OUTREG",
        p_WRITEMODE_A="NORMAL",
        p_WRITEMODE_B="NORMAL",
        p_CSDECODE_A="0b000",
        p_CSDECODE_B="0b000",
        p_GSR="DISABLED",
    )
    return data_out[: shape.width]


class Ecp5BlockRam(BlockRam):
    """:class:`BlockRam` of DP16KD blocks, in the shape that takes fewest of them.

    Where several blocks deep are unavoidable, a multiplexer follows the output registers. Reading
    the address that is written in the same cycle gives undefined data on this family.
    """

    @property
    def blocks(self) -> int:
        """DP16KD blocks used."""
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
                out = _block(
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


class Ecp5WeightColumn(WeightColumn):
    """:class:`WeightColumn` that stores every ninth row in the parity bits of the eight before.

    Bit ``k`` of the ninth row's weight lies beside row ``k``'s, comes out together with it, and
    waits the cycles by which the ninth row's address is later. Where a block is deeper
    than ``depth``, a row of 2 or 4 columns shares it.
    """

    @property
    def blocks(self) -> int:
        """DP16KD blocks used."""
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
            m.submodules[f"row_{row}"] = ram = Ecp5BlockRam(
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

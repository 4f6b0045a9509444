"""Memories of Lattice iCE40 UltraPlus: block RAM in any width and depth, SPRAM for weights.

Port and parameter names are those of Lattice's usage guides: "Memory Usage Guide for iCE40 Devices"
(TN1250) and "iCE40 SPRAM Usage Guide" (TN1314).
"""

from typing import NamedTuple

from amaranth.hdl import Array, Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value

from weft_hw.parts.delay import delay
from weft_hw.tech.blocks import cheapest
from weft_hw.tech.memories import BlockRam, WeightColumn

__all__ = ["Ice40BlockRam", "Ice40SpramColumn"]

_PINS = 16  # data pins of a block
_ADDRESS_PINS = 11


class _Shape(NamedTuple):
    """One mode of a block: ``width`` bits in ``depth`` words, at every ``step``-th data pin."""

    mode: int
    width: int
    depth: int

    def pin(self, bit: int) -> int:
        """Return the data pin of a bit: the middle one of those that it has for itself."""
        return bit * (_PINS // self.width) + (_PINS // self.width - 1) // 2


# In order of preference at equal cost.
_SHAPES = [_Shape(0, 16, 256), _Shape(1, 8, 512), _Shape(2, 4, 1024), _Shape(3, 2, 2048)]


def _runs(width: int, granularity: int, shape: _Shape) -> list[range]:
    """Distribute a word over blocks; a block has one write enable, or (as 256x16) one per bit."""
    unit = width if shape.mode == 0 else granularity
    return [
        range(start, min(start + shape.width, end))
        for end in range(unit, width + 1, unit)
        for start in range(end - unit, end, shape.width)
    ]


def _layout(width: int, depth: int, granularity: int) -> tuple[_Shape, list[range], int]:
    """Return the shape of a block, the blocks side by side, and the number of such rows."""
    return cheapest(_SHAPES, lambda shape: _runs(width, granularity, shape), depth)


class Ice40BlockRam(BlockRam):
    """:class:`BlockRam` of SB_RAM40_4K blocks, in the shape that takes fewest of them.

    The blocks have no output register, so it is the address that waits a cycle; it has fewer bits
    than the data. A read gives what was written before it or, if its word is written one cycle
    after it was asked for, undefined data.
    """

    @property
    def blocks(self) -> int:
        """SB_RAM40_4K blocks used."""
        _, runs, banks = _layout(self.width, self.depth, self.granularity)
        return len(runs) * banks

    def elaborate(self, platform):
        m = Module()
        shape, runs, banks = _layout(self.width, self.depth, self.granularity)
        offset_bits = (shape.depth - 1).bit_length()
        read_address = delay(m, self.read_address, 1, name="read_address")
        data = []
        for bank in range(banks):
            word = Signal(self.width, name=f"word_{bank}")
            data.append(word)
            chosen = self.write_address[offset_bits:] == bank if banks > 1 else Const(1, 1)
            for run in runs:
                first, last = (bit // self.granularity for bit in (run.start, run.stop - 1))
                enables = [self.write_enable[first + index] for index in range(last - first + 1)]
                bits = [(bit // self.granularity) - first for bit in run]
                m.d.comb += word[run.start : run.stop].eq(
                    _block(
                        m,
                        shape,
                        read_address[:offset_bits],
                        self.write_address[:offset_bits],
                        self.write_data[run.start : run.stop],
                        chosen,
                        enables,
                        bits,
                    )
                )
        bank = delay(m, read_address[offset_bits:], 1, name="bank")
        m.d.comb += self.read_data.eq(Array(data)[bank] if banks > 1 else data[0])
        return m


def _block(
    m: Module,
    shape: _Shape,
    read_address: Value,
    write_address: Value,
    write_data: Value,
    chosen: Value,
    enables: list[Value],
    enable_of: list[int],
) -> Value:
    """Instantiate one block and return its bits of read data, as many as ``write_data`` has.

    Bit ``k`` is written where ``chosen`` and ``enables[enable_of[k]]``.
    """
    zero, one = Const(0, 1), Const(1, 1)
    data_in: list[Value] = [zero] * _PINS
    mask: list[Value] = [zero] * _PINS
    data_out = Signal(_PINS)
    for bit, enable in enumerate(enable_of):
        data_in[shape.pin(bit)] = write_data[bit]
        if len(enables) > 1:
            mask[shape.pin(bit)] = ~enables[enable]

    def extend(address: Value) -> Value:
        return Cat(address, Const(0, _ADDRESS_PINS - len(address)))

    m.submodules += Instance(
        "SB_RAM40_4K",
        p_READ_MODE=shape.mode,
        p_WRITE_MODE=shape.mode,
        i_RCLK=ClockSignal(),
        i_RCLKE=one,
        i_RE=one,
        i_RADDR=extend(read_address),
        i_WCLK=ClockSignal(),
        i_WCLKE=one,
        i_WADDR=extend(write_address),
        i_WE=chosen if len(enables) > 1 else chosen & enables[0],
        i_WDATA=Cat(*data_in),
        i_MASK=Cat(*mask),
        o_RDATA=data_out,
    )
    return Cat(data_out[shape.pin(bit)] for bit in range(len(write_data)))


class Ice40SpramColumn(WeightColumn):
    """:class:`WeightColumn` of two columns, each row in an SB_SPRAM256KA of 16,384 words.

    The blocks have one port: what is read in the cycle of a write is undefined, in every row. So
    weights must not be written while the array works.
    """

    DEPTH = 16384

    def elaborate(self, platform):
        m = Module()
        writes = self.write_enable.any()
        enable, write, data = (
            delay(m, value, 1, name=name)
            for name, value in [
                ("enable", self.write_enable),
                ("write", writes),
                ("data", self.write_data),
            ]
        )
        for row in range(self.rows):
            address, out = Signal(14, name=f"address_{row}"), Signal(16, name=f"out_{row}")
            m.d.sync += address.eq(Mux(writes, self.write_address, self.read_address[row]))
            m.submodules[f"row_{row}"] = Instance(
                "SB_SPRAM256KA",
                i_CLOCK=ClockSignal(),
                i_ADDRESS=address,
                i_DATAIN=data.word_select(row, 8).replicate(2),
                i_MASKWREN=Cat(enable[0].replicate(2), enable[1].replicate(2)),
                i_WREN=write,
                i_CHIPSELECT=Const(1, 1),
                i_STANDBY=Const(0, 1),
                i_SLEEP=Const(0, 1),
                i_POWEROFF=Const(1, 1),
                o_DATAOUT=out,
            )
            for column in range(2):
                m.d.comb += self.read_data[column * self.rows + row].eq(out.word_select(column, 8))
        return m

"""Behavioural multipliers and memories; the reference for every family's primitives."""

from collections.abc import Callable

from amaranth.hdl import Const, Module, Mux, Shape, Signal, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

__all__ = [
    "FABRIC_ROWS", "MULTIPLIER_LATENCY", "READ_LATENCY", "Accumulator", "BlockRam",
    "FabricMultiplier", "Multiplier", "MultiplyAdd", "PairMultiplier", "Portable", "WeightColumn",
    "fabric_latency",
]  # fmt: skip

FABRIC_ROWS = 4
MULTIPLIER_LATENCY = 3
READ_LATENCY = 2


def fabric_latency(b: Shape) -> int:
    """Cycles of a :class:`FabricMultiplier` whose second operand has shape ``b``.

    Two bits of ``b`` make one row of partial products. Up to four rows are summed by a tree with
    registers, and the sums of further rows, four at a time, are added one after the other.
    """
    rows = (b.width + 1) // 2
    return 1 + ceil_log2(min(rows, FABRIC_ROWS)) + (rows - 1) // FABRIC_ROWS


class Multiplier(wiring.Component):
    """``o = a * b`` of two signed bytes, 3 cycles later; one product per cycle.

    Members
    -------
    a, b : In(signed(8))
    o : Out(signed(16))
    """

    a: Signal
    b: Signal
    o: Signal

    def __init__(self):
        super().__init__({"a": In(signed(8)), "b": In(signed(8)), "o": Out(signed(16))})

    def elaborate(self, platform):
        m = Module()
        a, b, product = Signal(signed(8)), Signal(signed(8)), Signal(signed(16))
        m.d.sync += [a.eq(self.a), b.eq(self.b), product.eq(a * b), self.o.eq(product)]
        return m


class PairMultiplier(wiring.Component):
    """``o = (u[0] + y[0]) * (u[1] + y[1])``, 3 cycles later; one product per cycle.

    ``u`` is ``other`` where ``choose`` is set, else ``x``.

    Members
    -------
    x, other, y : In(signed(8)).array(2)
    choose : In(1)
    o : Out(signed(18))
    """

    x: list[Signal]
    other: list[Signal]
    y: list[Signal]
    choose: Signal
    o: Signal

    def __init__(self):
        byte = In(signed(8)).array(2)
        super().__init__({
            "x": byte, "other": byte, "y": byte, "choose": In(1), "o": Out(signed(18))})

    def elaborate(self, platform):
        m = Module()
        sums = [Signal(signed(9), name=f"sum_{index}") for index in range(2)]
        for total, x, other, y in zip(sums, self.x, self.other, self.y, strict=True):
            m.d.sync += total.eq(Mux(self.choose, other, x) + y)
        product = Signal.like(self.o)
        m.d.sync += [product.eq(sums[0] * sums[1]), self.o.eq(product)]
        return m


class MultiplyAdd(wiring.Component):
    """``o(t + 4) = addend(t + 3) + a(t) * b(t)``: a multiplier, and a register behind its adder.

    Parameters
    ----------
    shape : Shape
        Of the sum; the product of two bytes must fit.
    multiplier : Multiplier, optional
        Left out where a family has a block that does both.

    Members
    -------
    a, b : In(signed(8))
    addend : In(shape); o : Out(shape)
    """

    a: Signal
    b: Signal
    addend: Signal
    o: Signal

    def __init__(self, shape: Shape, multiplier: Multiplier | None = None):
        self._multiplier = multiplier
        super().__init__({
            "a": In(signed(8)), "b": In(signed(8)), "addend": In(shape), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.multiplier = multiplier = self._multiplier or Multiplier()
        m.d.comb += [multiplier.a.eq(self.a), multiplier.b.eq(self.b)]
        m.d.sync += self.o.eq(self.addend + multiplier.o)
        return m


class Accumulator(wiring.Component):
    """Where ``enable``, ``total`` becomes ``value``, or with ``add`` the sum of both; 32 bits.

    Parameters
    ----------
    shape : Shape
        Of the value, signed.

    Members
    -------
    value : In(shape); enable : In(1); add : In(1)
    total : Out(signed(32))
    """

    value: Signal
    enable: Signal
    add: Signal
    total: Signal

    def __init__(self, shape: Shape):
        super().__init__({
            "value": In(shape), "enable": In(1), "add": In(1), "total": Out(signed(32))})

    def elaborate(self, platform):
        m = Module()
        with m.If(self.enable):
            m.d.sync += self.total.eq(Mux(self.add, self.total + self.value, self.value))
        return m


class FabricMultiplier(wiring.Component):
    """``o = a * b + nudge * 2**(len(b) - 1)`` without a multiplier block, once per cycle.

    The product comes ``fabric_latency(b)`` cycles after its operands.

    Parameters
    ----------
    a, b : Shape
        Shapes of the operands; at most 64 bits together.

    Members
    -------
    a : In(a)
    b : In(b)
    nudge : In(1), only if ``b`` is unsigned and of odd width
    o : Out(the shape of a * b)
    """

    a: Signal
    b: Signal
    nudge: Signal
    o: Signal

    def __init__(self, a: Shape, b: Shape):
        self.latency = fabric_latency(b)
        product = (Signal(a) * Signal(b)).shape()
        nudge = {} if b.signed or b.width % 2 == 0 else {"nudge": In(1)}
        super().__init__({"a": In(a), "b": In(b), **nudge, "o": Out(product)})

    def elaborate(self, platform):
        m = Module()
        value = self.a * self.b
        if "nudge" in self.signature.members:
            value = value + (self.nudge << len(self.b) - 1)
        for stage in range(self.latency - 1):
            product = Signal.like(self.o, name=f"product_{stage}")
            m.d.sync += product.eq(value)
            value = product
        m.d.sync += self.o.eq(value)
        return m


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
        super().__init__({
            "read_address": In(address),
            "read_data": Out(width),
            "write_address": In(address),
            "write_data": In(width),
            "write_enable": In(width // self.granularity),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.memory = memory = Memory(shape=unsigned(self.width), depth=self.depth, init=[])
        write = memory.write_port(granularity=self.granularity)
        read = memory.read_port()
        m.d.comb += [
            write.addr.eq(self.write_address), write.data.eq(self.write_data),
            write.en.eq(self.write_enable), read.addr.eq(self.read_address),
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
    block_ram : callable, optional
        Builds the memory of a byte; :class:`BlockRam` by default.

    Members
    -------
    read_address : In(range(depth)).array(rows)
    read_data : Out(signed(8)).array(columns * rows), at ``column * rows + row``
    write_address : In(range(depth)); write_data : In(rows * 8), row 0 lowest
    write_enable : In(columns)
    """

    read_address: list[Signal]
    read_data: list[Signal]
    write_address: Signal
    write_data: Signal
    write_enable: Signal

    def __init__(self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1,
                 block_ram: Callable[..., BlockRam] = BlockRam):  # fmt: skip
        self.at_once = at_once
        self.rows, self.depth, self.columns, self._block_ram = rows, depth, columns, block_ram
        address = unsigned(max(1, ceil_log2(depth)))
        super().__init__({
            "read_address": In(address).array(rows),
            "read_data": Out(signed(8)).array(columns * rows),
            "write_address": In(address),
            "write_data": In(rows * 8),
            "write_enable": In(columns),
        })

    def elaborate(self, platform):
        m = Module()
        for index in range(self.columns * self.rows):
            column, row = divmod(index, self.rows)
            m.submodules[f"row_{index}"] = ram = self._block_ram(width=8, depth=self.depth)
            m.d.comb += [
                ram.read_address.eq(self.read_address[row]),
                self.read_data[index].eq(ram.read_data),
                ram.write_address.eq(self.write_address),
                ram.write_data.eq(self.write_data.word_select(row, 8)),
                ram.write_enable.eq(self.write_enable[column]),
            ]
        return m


class Portable:
    """What the core asks of a family; each family's module offers the same methods."""

    name = "portable"

    def multiplier(self, *, dsp: bool = True) -> Multiplier:
        """Return a multiplier with the ports and latency of :class:`Multiplier`.

        ``dsp`` asks for the family's multiplier block rather than fabric.
        """
        return Multiplier()

    def pair_multiplier(self, *, dsp: bool = True) -> PairMultiplier:
        """Return a multiplier of sums with the ports and latency of :class:`PairMultiplier`."""
        return PairMultiplier()

    def multiply_add(self, shape: Shape, *, dsp: bool = True) -> MultiplyAdd:
        """Return a multiplier with an adder, with the ports and latency of :class:`MultiplyAdd`."""
        return MultiplyAdd(shape, self.multiplier(dsp=dsp))

    def accumulator(self, shape: Shape, *, dsp: bool = False) -> Accumulator:
        """Return an accumulator with the ports of :class:`Accumulator`.

        ``dsp`` asks for the family's multiplier block, where that has one.
        """
        return Accumulator(shape)

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> BlockRam:
        """Return a memory with the ports and latency of :class:`BlockRam`."""
        return BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(
        self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1
    ) -> WeightColumn:
        """Return a weight memory with the ports and latency of :class:`WeightColumn`."""
        return WeightColumn(rows=rows, depth=depth, columns=columns, at_once=at_once)

    def fabric_multiplier(self, a: Shape, b: Shape) -> FabricMultiplier:
        """Return a multiplier with the ports and latency of :class:`FabricMultiplier`."""
        return FabricMultiplier(a, b)

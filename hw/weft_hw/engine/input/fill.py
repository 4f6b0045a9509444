"""Fill: copies the input of a layer, row by row, from activation memory into the line buffers."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.activation_memory import ACCESS_LATENCY
from weft_hw.engine.input.line_buffer import line_write
from weft_hw.engine.layouts import descriptor_layout
from weft_hw.parts.delay import delay

__all__ = ["Fill"]


class Fill(wiring.Component):
    """Each input word is read once, as soon as its row has room and exists.

    One word per cycle or, with ``fill_words`` = 2, the words of a row that share a pair of
    activation memory. Between rows one cycle passes, in which ``row_gap`` words are skipped.

    A row has room when the row that it replaces in the line buffer lies above ``low_row``, the
    first row that windows still need. It exists when ``rows_ready`` says so. ``filled_rows``
    counts rows that can be read from the line buffer.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1), a new layer; descriptor : In, constant until the next ``begin``
    low_row : In; rows_ready : In, input rows that exist in activation memory
    hold : In(1), nothing is read in this cycle
    read_enable, read_address : Out, to activation memory, whose data come 3 cycles later
    read_words : In, of the group in which ``read_address`` lies
    write : Out(line_write(config)), one for each of them
    filled_rows : Out
    """

    begin: Signal
    descriptor: data.View
    low_row: Signal
    rows_ready: Signal
    hold: Signal
    read_enable: Signal
    read_address: Signal
    read_words: data.View
    write: list[Any]  # interfaces of line_write
    filled_rows: Signal

    def __init__(self, config: Config):
        self.config = config
        rows = descriptor_layout(config)["in_height"].shape
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "low_row": In(rows),
                "rows_ready": In(rows),
                "hold": In(1),
                "read_enable": Out(1),
                "read_address": Out(range(config.activation_words)),
                "read_words": In(data.ArrayLayout(config.columns * 8, config.fill_words)),
                "write": Out(line_write(config)).array(config.fill_words),
                "filled_rows": Out(rows),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        bank_bits = config.line_banks.bit_length() - 1

        row, word = Signal.like(self.low_row), Signal(range(config.line_words))
        address = Signal.like(self.read_address)
        left = Signal.like(descriptor.row_words)  # words of the row that are not read yet

        # Which words of the group at `address` are read now: the group's index of the first, and
        # how many.
        second, both = Signal(), Signal()
        if config.fill_words > 1:
            m.d.comb += [second.eq(address[0]), both.eq(~second & (left != 1))]
        last = Signal()
        m.d.comb += last.eq((left == 1) | (both & (left == 2)))

        capacity = Signal(range(config.line_banks * config.line_words + 1))
        m.d.sync += capacity.eq((config.line_banks * config.line_words) >> descriptor.row_bits)
        allowed = Signal()
        m.d.comb += allowed.eq(
            (row < descriptor.fill_rows)
            & (row < self.rows_ready)
            & ((row - self.low_row).as_signed() < capacity)
        )

        # One adder moves the address: over words that are read, or over the gap behind a row.
        advance = Signal(range(max(3, 1 << len(descriptor.row_gap))))
        behind = Signal()  # a row, whose gap is yet to be skipped
        m.d.sync += [address.eq(address + advance), behind.eq(0)]
        with m.If(behind):
            m.d.comb += advance.eq(descriptor.row_gap)
        with m.FSM():
            with m.State("WAIT"), m.If(allowed & ~self.begin):
                m.next = "COPY"
            with m.State("COPY"):
                with m.If(~self.hold):
                    m.d.comb += [self.read_enable.eq(1), advance.eq(1 + both)]
                    m.d.sync += [
                        behind.eq(last),
                        word.eq(word + 1 + both),
                        left.eq(left - 1 - both),
                    ]
                with m.If(last & ~self.hold | self.begin):
                    m.d.sync += [word.eq(0), left.eq(descriptor.row_words), row.eq(row + 1)]
                    m.next = "WAIT"
        m.d.comb += self.read_address.eq(address)

        # Where the words go, at the time they arrive.
        slot = (row >> bank_bits) << descriptor.row_bits
        for index, write in enumerate(self.write):
            place = Signal(
                data.StructLayout(
                    {
                        "enable": 1,
                        "bank": write.bank.shape(),
                        "address": write.address.shape(),
                    }
                ),
                name=f"place_{index}",
            )
            column = Signal.like(word, name=f"column_{index}")
            m.d.comb += [
                column.eq(word),
                place.enable.eq(self.read_enable & ~second),
                place.bank.eq(row[:bank_bits]),
                place.address.eq(slot | column),
            ]
            if index:
                m.d.comb += [
                    column.eq(Mux(second, word, word + 1)),
                    place.enable.eq(self.read_enable & (second | both)),
                ]
            if config.fill_words > 1:
                m.d.comb += place.bank.eq(row[:bank_bits] ^ (column[0] << (bank_bits - 1)))
            arrived = delay(m, place, ACCESS_LATENCY, name=f"arrived_{index}")
            m.d.comb += [
                write.enable.eq(arrived.enable),
                write.bank.eq(arrived.bank),
                write.address.eq(arrived.address),
                write.data.eq(self.read_words[index]),
            ]
        # A row counts once its last word can be read back; one of the layer before never does.
        ends = Signal(ACCESS_LATENCY + 1)
        m.d.sync += ends.eq(Mux(self.begin, 0, Cat(self.read_enable & last, ends[:-1])))
        with m.If(ends[-1]):
            m.d.sync += self.filled_rows.eq(self.filled_rows + 1)
        with m.If(self.begin):
            m.d.sync += [
                address.eq(descriptor.in_base),
                behind.eq(0),
                left.eq(descriptor.row_words),
                row.eq(0),
                word.eq(0),
                self.filled_rows.eq(0),
            ]
        return m

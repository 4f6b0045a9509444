"""Fill: copies the input of a layer, row by row, from activation memory into the line buffers."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.activation_memory import ACCESS_LATENCY
from weft_hw.contract.config import Config
from weft_hw.delay import delay
from weft_hw.layouts import DESCRIPTOR_LAYOUT

__all__ = ["Fill"]


class Fill(wiring.Component):
    """Each input word is read once, one per cycle, as soon as its row has room and exists.

    A row has room when the row that it replaces in the line buffer lies above ``low_row``, the
    first row that windows still need. It exists when ``rows_ready`` says so. Between rows one
    cycle passes. ``filled_rows`` counts rows that can be read from the line buffer.

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1), a new layer; descriptor : In, constant until the next ``begin``
    low_row : In; rows_ready : In, input rows that exist in activation memory
    read_enable, read_address : Out, to activation memory, whose data come 3 cycles later
    read_data : In
    enable, bank, address, data : Out, to the line buffer
    filled_rows : Out
    """

    def __init__(self, config: Config):
        self.config = config
        rows = DESCRIPTOR_LAYOUT["in_height"].shape
        super().__init__({
            "begin": In(1),
            "descriptor": In(DESCRIPTOR_LAYOUT),
            "low_row": In(rows),
            "rows_ready": In(rows),
            "read_enable": Out(1),
            "read_address": Out(range(config.activation_words)),
            "read_data": In(config.columns * 8),
            "enable": Out(1),
            "bank": Out(range(max(2, config.line_banks))),
            "address": Out(range(config.line_words)),
            "data": Out(config.columns * 8),
            "filled_rows": Out(rows),
        })

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        bank_bits = config.line_banks.bit_length() - 1

        row, word = Signal.like(self.low_row), Signal(range(config.line_words))
        address = Signal.like(self.read_address)
        last_word = Signal()
        m.d.comb += last_word.eq(word == descriptor.row_words - 1)

        capacity = Signal(range(config.line_banks * config.line_words + 1))
        m.d.sync += capacity.eq((config.line_banks * config.line_words) >> descriptor.row_bits)
        allowed = Signal()
        m.d.comb += allowed.eq(
            (row < descriptor.fill_rows) & (row < self.rows_ready)
            & ((row - self.low_row).as_signed() < capacity))

        with m.FSM():
            with m.State("WAIT"), m.If(allowed & ~self.begin):
                m.next = "COPY"
            with m.State("COPY"):
                m.d.comb += self.read_enable.eq(1)
                m.d.sync += [address.eq(address + 1), word.eq(word + 1)]
                with m.If(last_word | self.begin):
                    m.d.sync += [word.eq(0), row.eq(row + 1)]
                    m.next = "WAIT"
        m.d.comb += self.read_address.eq(address)

        # Where the word goes, at the time it arrives.
        place = Signal(data.StructLayout({
            "enable": 1,
            "bank": self.bank.shape(),
            "address": self.address.shape(),
        }))
        m.d.comb += [
            place.enable.eq(self.read_enable),
            place.bank.eq(row[:bank_bits]),
            place.address.eq(((row >> bank_bits) << descriptor.row_bits) | word),
        ]
        arrived = delay(m, place, ACCESS_LATENCY, name="place")
        m.d.comb += [
            self.enable.eq(arrived.enable), self.bank.eq(arrived.bank),
            self.address.eq(arrived.address), self.data.eq(self.read_data),
        ]
        # A row counts once its last word can be read back; one of the layer before never does.
        ends = Signal(ACCESS_LATENCY + 1)
        m.d.sync += ends.eq(Mux(self.begin, 0, Cat(self.read_enable & last_word, ends[:-1])))
        with m.If(ends[-1]):
            m.d.sync += self.filled_rows.eq(self.filled_rows + 1)
        with m.If(self.begin):
            m.d.sync += [
                address.eq(descriptor.in_base), row.eq(0), word.eq(0), self.filled_rows.eq(0),
            ]
        return m

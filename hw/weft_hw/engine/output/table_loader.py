"""Table loader: copies a table of 256 entries from activation memory to the output lanes."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRIES, TABLE_ENTRY_BYTES
from weft_hw.engine.activation_memory import ACCESS_LATENCY
from weft_hw.engine.layouts import descriptor_layout
from weft_hw.parts.delay import delay

__all__ = ["TableLoader"]

_ENTRY_BITS = 8 * TABLE_ENTRY_BYTES


class TableLoader(wiring.Component):
    """One 32-bit entry per cycle; ``done`` comes 260 cycles after ``begin``.

    (Where a word has 2 bytes, an entry takes 2 cycles.)

    Parameters
    ----------
    config : Config

    Members
    -------
    begin : In(1); descriptor : In
    read_enable, read_address : Out; read_data : In, 3 cycles later
    enable, address, data : Out, to the table of every lane
    done : Out(1), for one cycle, with the last entry
    """

    begin: Signal
    descriptor: data.View
    read_enable: Signal
    read_address: Signal
    read_data: Signal
    enable: Signal
    address: Signal
    data: Signal
    done: Signal

    def __init__(self, config: Config):
        self.config = config
        super().__init__(
            {
                "begin": In(1),
                "descriptor": In(descriptor_layout(config)),
                "read_enable": Out(1),
                "read_address": Out(range(config.activation_words)),
                "read_data": In(config.columns * 8),
                "enable": Out(1),
                "address": Out(range(TABLE_ENTRIES)),
                "data": Out(_ENTRY_BITS),
                "done": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        # A word holds some entries, or (where words are short) an entry takes some words.
        word_bits = self.config.columns * 8
        per_word = max(1, word_bits // _ENTRY_BITS)
        words = max(1, _ENTRY_BITS // word_bits)

        count = Signal(range(TABLE_ENTRIES * words + 1), init=TABLE_ENTRIES * words)
        active = Signal()
        part = count % per_word
        m.d.comb += [
            active.eq(count != TABLE_ENTRIES * words),
            self.read_enable.eq(active & (part == 0)),
            self.read_address.eq(self.descriptor.in_base + count // per_word),
        ]
        with m.If(active):
            m.d.sync += count.eq(count + 1)
        with m.If(self.begin):
            m.d.sync += count.eq(0)

        shift = Signal(max(word_bits, _ENTRY_BITS), reset_less=True)
        arrives = delay(m, self.read_enable, ACCESS_LATENCY, name="arrives")
        if words == 1:
            m.d.sync += shift.eq(shift >> _ENTRY_BITS)
            with m.If(arrives):
                m.d.sync += shift.eq(self.read_data)
        else:
            with m.If(arrives):
                m.d.sync += shift.eq(
                    (shift >> word_bits) | (self.read_data << (_ENTRY_BITS - word_bits))
                )
        complete = active & (count % words == words - 1)
        entry = count // words
        m.d.comb += [
            self.enable.eq(delay(m, complete, ACCESS_LATENCY + 1, name="complete")),
            self.address.eq(delay(m, entry[:8], ACCESS_LATENCY + 1, name="entry")),
            self.data.eq(shift),
            self.done.eq(self.enable & (self.address == TABLE_ENTRIES - 1)),
        ]
        return m

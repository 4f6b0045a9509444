"""Tap fetch: reads one column of taps from the line buffers, with padding."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.contract.timing import TAP_QUEUE
from weft_hw.engine.layouts import column_layout, descriptor_layout, fetch_layout
from weft_hw.parts.delay import delay
from weft_hw.parts.queue import Queue
from weft_hw.parts.stages import Combinational, Registered
from weft_hw.tech.memories import READ_LATENCY

__all__ = ["StandingTapFetch", "TapFetch"]


class TapFetch(wiring.Component):
    """From a position in the input to a word per tap row, ``pad_value`` where it lies outside.

    With ``every``, a word per pixel instead, all of the first tap row. (In a layer of
    ``own_weights`` columns of taps are for every pixel, too; they have a word per tap row.)

    Latency is 8 cycles from ``valid`` to ``o``; one column per cycle. Nothing on the way stalls:
    ``room`` tells the walker whether the queue at the end has place for one more.

    Parameters
    ----------
    config : Config

    Members
    -------
    descriptor : In, constant while columns are under way
    issue : In(1), the walker decided on a column; room : Out(1), it may
    empty : Out(1), no column is under way or in the queue
    valid : In(1); fetch : In(fetch_layout(config))
    read_address : Out, read_data : In; one per line-buffer bank, data 2 cycles later
    o : Out(stream.Signature(column_layout(config)))
    """

    STEPS = Registered

    o: stream.Interface
    descriptor: data.View
    issue: Signal
    room: Signal
    empty: Signal
    valid: Signal
    fetch: data.View
    read_address: data.View
    read_data: data.View

    def __init__(self, config: Config):
        self.config = config
        address = (config.line_words - 1).bit_length()
        super().__init__(
            {
                "descriptor": In(descriptor_layout(config)),
                "issue": In(1),
                "room": Out(1, init=1),  # pyright: ignore[reportCallIssue]
                "empty": Out(1),
                "valid": In(1),
                "fetch": In(fetch_layout(config)),
                "read_address": Out(data.ArrayLayout(address, config.line_banks)),
                "read_data": In(data.ArrayLayout(config.columns * 8, config.line_banks)),
                "o": Out(stream.Signature(column_layout(config))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, descriptor = self.config, self.descriptor
        bank_bits = config.line_banks.bit_length() - 1
        steps = self.STEPS(m)
        late = steps.late

        # Cycle 1: rows of the other tap rows (or pixels), and what is padding.
        rows = [
            Signal.like(self.fetch.row, name=f"row_{i}", reset_less=True)
            for i in range(config.fetch_rows)
        ]
        spread = self.fetch.every
        if config.own_weights:
            spread &= self.fetch.window.channels
        step = Mux(spread, descriptor.stride_y, descriptor.dilation_y)
        column_inside = Signal()
        place, quarter = Signal.like(self.fetch.unit), Signal(2)  # word in the row, where in it
        for i, row in enumerate(rows):
            steps.d += row.eq(self.fetch.row + i * step)
        steps.d += [
            column_inside.eq((self.fetch.column >= 0) & (self.fetch.column < descriptor.in_width)),
            place.eq(self.fetch.unit >> descriptor.packing),
            quarter.eq(
                Mux(
                    descriptor.packing == 0,
                    0,
                    Mux(descriptor.packing == 1, self.fetch.unit[:1] << 1, self.fetch.unit[:2]),
                )
            ),
        ]

        # Cycle 2: bank and address of each.
        places = data.StructLayout(
            {
                "address": len(self.read_address[0]),
                "bank": bank_bits,
                "inside": 1,
            }
        )
        taps = [Signal(places, name=f"tap_{i}", reset_less=True) for i in range(config.fetch_rows)]
        # Odd words lie half of the banks further on where pairs are written.
        odd = place[0] << (bank_bits - 1) if config.fill_words > 1 else 0
        for row, tap in zip(rows, taps, strict=True):
            slot = row[bank_bits:-1] << descriptor.row_bits
            steps.d += [
                tap.address.eq(slot | place[:-1] if place.shape().signed else slot | place),
                tap.bank.eq(row[:bank_bits] ^ odd),
                tap.inside.eq(column_inside & (row >= 0) & (row < descriptor.in_height)),
            ]

        # Cycle 3: the address of each bank is that of the row that lies in it. Where two rows
        # share a bank (an even dilation), only the first is in use.
        for bank in range(config.line_banks):
            chosen = taps[-1].address
            for tap in reversed(taps[:-1]):
                chosen = Mux(tap.bank == bank, tap.address, chosen)
            steps.d += self.read_address[bank].eq(chosen)

        # Cycles 4 and 5: the line buffers. Cycle 6: each tap takes its bank's word. Cycle 7: the
        # pixel's part of it, or padding, to the queue.
        behind = 1 + READ_LATENCY
        arriving = late(quarter, 2 + behind, name="quarter")
        token = late(self.fetch, 3 + behind, name="token")
        pad = late(descriptor.pad_value, 1, name="pad")
        column = Signal(column_layout(config))
        banks = Array(self.read_data[bank] for bank in range(config.line_banks))
        for i, tap in enumerate(taps):
            placed = late(tap, behind, name=f"placed_{i}")
            word = late(banks[placed.bank] if bank_bits else banks[0], 1, name=f"word_{i}")
            inside = late(placed.inside, 1, name=f"inside_{i}")
            m.d.comb += column.words[i].eq(
                Mux(inside, self._part(word, arriving), pad.replicate(config.columns))
            )
        m.d.comb += [
            column.pixel.eq(token.pixel),
            column.complete.eq(token.complete),
            column.every.eq(token.every),
            column.window.eq(token.window),
        ]

        self._offer(m, column, late(self.valid, 3 + behind, name="valid"))
        return m

    def _offer(self, m, column, valid):
        """Queue the columns that arrive."""
        m.submodules.queue = queue = Queue(column.shape(), depth=TAP_QUEUE)
        m.d.comb += [
            queue.item.eq(delay(m, column, 1, name="queued")),
            queue.put.eq(delay(m, valid, 1, name="queue")),
        ]
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        free = Signal(range(TAP_QUEUE + 1), init=TAP_QUEUE)
        # A place counts as free a cycle late: the feeder decides too late to be counted at once.
        m.d.sync += [
            free.eq(free + queue.taken - self.issue),
            # Whether a place is free, a cycle ahead.
            self.room.eq(queue.taken | ((free != 0) & ~((free == 1) & self.issue))),
        ]
        m.d.comb += self.empty.eq(free + queue.taken == TAP_QUEUE)

    def _part(self, word, quarter):
        """Move the pixel that begins at ``quarter`` of a word to its start; the rest is free."""
        bits = self.config.columns * 2
        quarters = Array(word.word_select(k, bits) for k in range(4))
        return Cat(quarters[quarter], Mux(quarter[1], quarters[3], quarters[1]), word[2 * bits :])


class StandingTapFetch(TapFetch):
    """The same for few cells: a fetch stands still until its column has been taken.

    ``valid`` lasts, with the same fetch, until ``room``. A column is offered 2 cycles later, and
    the walker moves on when it is taken. There is no queue.
    """

    STEPS = Combinational

    def _offer(self, m, column, valid):
        """Offer the column once its reads have come back."""
        settled = Signal(READ_LATENCY)
        m.d.sync += settled.eq(Mux(self.issue, 0, Cat(valid, settled[:-1])))
        m.d.comb += [
            self.o.payload.eq(column),
            self.o.valid.eq(valid & settled[-1]),
            self.room.eq(self.o.ready & settled[-1]),
            self.empty.eq(1),
        ]

"""Window former: turns columns of taps into one activation per row of the array and cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.delay import delay
from weft_hw.layouts import pixel_shape

__all__ = ["WindowFormer"]


class WindowFormer(wiring.Component):
    """Holds the window being used and, behind it, the next one as its columns arrive.

    A pushed column moves the columns before it on by one place, so that windows that overlap
    fetch only what is new. ``start`` makes the window that was pushed last the one in use; from
    then on each cycle hands the array the next byte of every tap (taps of one channel), or,
    started with ``channels``, the next ``channel_rows`` bytes of the column's first word.

    Row ``r`` does all of this ``r`` cycles later than row 0, as the array wants it. Latency from
    ``start`` to ``own`` of row 0 is 1 cycle. A push may come every cycle, also in the cycle of
    ``start``: it then belongs to the next window. Nothing stalls.

    Parameters
    ----------
    config : Config

    Members
    -------
    push : In(1); pixel : In, which pixel's window the column is for
    words : In, a word per tap row or, with ``every``, the only word of every pixel
    every : In(1), the column is for all pixels at once
    start : In(1); channels : In(1)
    own : Out, activation of [pixel][row][column]; column 0 is also what crosses the row
    """

    def __init__(self, config: Config):
        self.config = config
        words = data.ArrayLayout(signed(8), config.columns)
        super().__init__({
            "push": In(1),
            "every": In(1),
            "pixel": In(pixel_shape(config)),
            "words": In(data.ArrayLayout(config.columns * 8, config.fetch_rows)),
            "start": In(1),
            "channels": In(1),
            "own": Out(data.ArrayLayout(data.ArrayLayout(words, config.rows), config.pixels)),
        })

    def elaborate(self, platform):
        m = Module()
        config = self.config
        row_control = Cat(self.start, self.channels, self.push, self.every, self.pixel)
        previous = [self.words[0]] * config.pixels
        for row in range(config.rows):
            tap_row, place = divmod(row, config.tap_columns)
            control = delay(m, row_control, row, name=f"control_{row}") if row else row_control
            start, channels, push, every, pixel = *control[:4], control[4:]
            if place == 0:
                word = delay(m, self.words[tap_row], row, name=f"word_{tap_row}")
                previous = [word] * config.pixels
            for p in range(config.pixels):
                name = f"p{p}_r{row}"
                pushed = Signal(name=f"pushed_{name}")
                m.d.comb += pushed.eq(push & (every | (pixel == p)))
                feed = self._channel_bytes(m, row, p)
                previous[p] = self._row(
                    m, name, self.own[p][row], pushed, start, channels, previous[p], feed)
        return m

    def _channel_bytes(self, m, row, pixel):
        """Return the bytes that a channel feed gives to ``row`` of ``pixel``, in order."""
        config = self.config
        if row >= config.channel_rows:
            return None
        word = Mux(self.every, self.words[pixel], self.words[0]) if pixel else self.words[0]
        chosen = Cat(word.word_select(index, 8)
                     for index in range(row, config.columns, config.channel_rows))
        return delay(m, chosen, row, name=f"feed_p{pixel}_r{row}")

    def _row(self, m, name, own, pushed, start, channels, word, feed):
        """Connect one row of one pixel; return what the row below is to be pushed."""
        pending = Signal(len(word), name=f"pending_{name}")
        before = Signal(len(word), name=f"before_{name}")
        active = Signal(len(word), name=f"active_{name}")
        m.d.sync += before.eq(pending)
        with m.If(pushed):
            m.d.sync += pending.eq(word)
        window = pending
        if feed is not None:
            pending_feed = Signal(len(feed), name=f"pending_feed_{name}")
            with m.If(pushed):
                m.d.sync += pending_feed.eq(feed)
            window = Mux(channels, Cat(pending_feed, pending[len(feed):]), pending)
        m.d.sync += active.eq(Mux(start, window, active >> 8))
        m.d.comb += own.eq(active)
        return before

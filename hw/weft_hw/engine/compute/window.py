"""Window former: turns columns of taps into one activation per row of the array and cycle."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.engine.layouts import pixel_shape
from weft_hw.parts.delay import delay

__all__ = ["WindowFormer"]


class WindowFormer(wiring.Component):
    """Holds the window being used and, behind it, the next one as its columns arrive.

    A pushed column moves the columns before it on by one place, so that windows that overlap
    fetch only what is new. ``start`` makes the window that was pushed last the one in use; from
    then on each cycle hands the array the next byte of every tap (taps of one channel), or,
    started with ``channels``, the next ``channel_rows`` bytes of the column's first word.

    Row ``r`` does all of this ``config.lag(r)`` cycles later than row 0, and pixel ``p`` another
    ``p`` cycles later than pixel 0, as the array wants it. Latency from ``start`` to ``own`` of
    row 0 and pixel 0 is 1 cycle. A push may come every cycle, also in the cycle of ``start``: it
    then belongs to the next window. Nothing stalls.

    Parameters
    ----------
    config : Config

    Members
    -------
    push : In(1); pixel : In, which pixel's window the column is for
    words : In, a word per tap row or, with ``every``, the only word of every pixel
    every : In(1), the column is for all pixels at once
    start : In, for each tile of columns the same; channels : In(1)
    own : Out, activation of [pixel][row][column]; column 0 is also what crosses the row
    """

    LATE = 0  # cycles by which the array gets its activations later than its step

    push: Signal
    every: Signal
    pixel: Signal
    words: data.View
    start: Signal
    channels: Signal
    own: data.View

    def __init__(self, config: Config):
        self.config = config
        words = data.ArrayLayout(signed(8), config.columns)
        super().__init__(
            {
                "push": In(1),
                "every": In(1),
                "pixel": In(pixel_shape(config)),
                "words": In(data.ArrayLayout(config.columns * 8, config.fetch_rows)),
                "start": In(config.columns // config.tile),
                "channels": In(1),
                **self._more_ports(),
                "own": Out(data.ArrayLayout(data.ArrayLayout(words, config.rows), config.pixels)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        entering = Signal(data.StructLayout(self._control()), name="control")
        m.d.comb += [entering[name].eq(getattr(self, name)) for name in self._control()]
        previous: list[Value] = []
        for row in range(config.rows):
            # From row to row and from pixel to pixel, each with a register of its own to drive it.
            since = self._lag(row) - self._lag(row - 1) if row else self._lag(0)
            entering = control = delay(m, entering, since, name=f"control_r{row}", apart=True)
            tap_row, place = divmod(row, config.tap_columns)
            if place == 0:
                previous = [delay(m, self.words[tap_row], self._lag(row), name=f"word_{tap_row}")]
                for p in range(1, config.pixels):
                    previous.append(delay(m, previous[-1], 1, name=f"word_p{p}_{tap_row}"))
            for p in range(config.pixels):
                name = f"p{p}_r{row}"
                if p:
                    control = delay(m, control, 1, name=f"control_{name}", apart=True)
                start, shift = self._starts(m, name, row, control)
                pushed = Signal(name=f"pushed_{name}")
                m.d.comb += pushed.eq(control.push & (control.every | (control.pixel == p)))
                feed = self._channel_bytes(m, row, p)
                pending = self._row(
                    m,
                    name,
                    self.own[p][row],
                    pushed,
                    start,
                    control.channels,
                    shift,
                    previous[p],
                    feed,
                )
                # A row of the next stage is pushed a cycle later, what this one held until then.
                previous[p] = pending
                if self._lag(row + 1) > self._lag(row):
                    previous[p] = Signal.like(pending, name=f"before_{name}")
                    m.d.sync += previous[p].eq(pending)
        return m

    def _lag(self, row):
        return self.config.lag(row) + self.LATE

    def _more_ports(self):
        """Return ports that only a variant has."""
        return {}

    def _control(self):
        """Return the ports that go from row to row, and their shapes."""
        return {
            "start": self.start.shape(),
            "channels": 1,
            "push": 1,
            "every": 1,
            "pixel": self.pixel.shape(),
        }

    def _starts(self, m, name, row, control):
        """Return when a row's window starts, and whether it then moves on byte by byte."""
        return control.start, Const(1, 1)

    def _channel_bytes(self, m, row, pixel):
        """Return the bytes that a channel feed gives to ``row`` of ``pixel``, in order."""
        config = self.config
        if row >= config.channel_rows:
            return None
        word = Mux(self.every, self.words[pixel], self.words[0]) if pixel else self.words[0]
        chosen = Cat(
            word.word_select(index, 8) for index in range(row, config.columns, config.channel_rows)
        )
        return delay(m, chosen, self._lag(row) + pixel, name=f"feed_p{pixel}_r{row}")

    def _row(self, m, name, own, pushed, start, channels, shift, word, feed):
        """Connect one row of one pixel; return what it holds for the row below."""
        pending = Signal(len(word), name=f"pending_{name}")
        active = Signal(len(word), name=f"active_{name}")
        with m.If(pushed):
            m.d.sync += pending.eq(word)
        window = pending
        if feed is not None:
            pending_feed = Signal(len(feed), name=f"pending_feed_{name}")
            with m.If(pushed):
                m.d.sync += pending_feed.eq(feed)
            window = Mux(channels, Cat(pending_feed, pending[len(feed) :]), pending)
        kept, bits = Mux(shift, active >> 8, 0), len(word) // len(start)
        for tile, starts in enumerate(start):
            part = slice(tile * bits, (tile + 1) * bits)
            m.d.sync += active[part].eq(Mux(starts, window[part], kept[part]))
        m.d.comb += own.eq(active)
        return pending

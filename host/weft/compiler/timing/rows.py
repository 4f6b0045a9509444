"""When rows of a layer's input arrive in the line buffers."""

from collections.abc import Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Wait
from weft_hw.contract.timing import ROW_FILLED

from weft.compiler.ir import Command

__all__ = ["Rows"]


class Rows:
    """Arrival of input rows in the line buffers."""

    def __init__(
        self,
        config: Config,
        command: Command,
        begin: int,
        join: int,
        written: Sequence[int] | None,
        reads: list[tuple[int, int]],
    ):
        layer, self._first, self._reads = command.mac, 0, reads
        self._words, self._count = layer.row_words, layer.fill_rows
        self._pitch = self._words + layer.row_gap
        self._capacity = (config.line_banks * config.line_words) >> layer.row_bits
        self._at_once = config.fill_words
        self._address = command.source[0].base + command.source[1]
        self._begin, self._join = begin, join
        self._wait, self._written = layer.wait, written
        if config.compact:
            self._wait, self._written = Wait.NOTHING, [0]
        self._free: list[tuple[int, int]] = []  # (first row still needed, since when)
        self._next, self._row, self._end = begin + 1, 0, begin

    def use(self, low_row: int, time: int) -> None:
        """Note that rows before ``low_row`` are needed no more from ``time`` on."""
        self._free.append((low_row, time))

    def filled(self, covered: int) -> int:
        """Return when ``covered`` rows, or all, can be read from the line buffers."""
        while self._row < min(covered, self._count):
            start = max(self._next, self._exists(), self._room())
            # Words that share a group of activation memory are read together.
            reads = -(-(self._address % self._at_once + self._words) // self._at_once)
            last = self._read(start, reads)
            self._end = last + ROW_FILLED
            self._next = last + 1
            self._address += self._pitch
            self._row += 1
        return self._end

    def _read(self, now: int, reads: int) -> int:
        """Return when the last of some reads behind ``now`` is made: a second pass goes first."""
        others = self._reads
        while self._first < len(others) and sum(others[self._first]) <= now:
            self._first += 1
        for first, count in others[self._first :]:
            if first >= now + reads:
                break
            made = max(0, first - now)
            now, reads = max(now, first) + count - max(0, now - first), reads - made
        return now + reads

    def _exists(self) -> int:
        """Return when the next row may be read from activation memory."""
        if self._written is None or self._wait == Wait.LAYER:
            return self._join
        if self._wait == Wait.ROW and self._row < len(self._written):
            return min(self._join, self._written[self._row])
        if self._wait == Wait.ROW:
            return self._join
        return self._begin

    def _room(self) -> int:
        """Return when the row that the next one replaces is used up."""
        low = self._row - self._capacity + 1
        return next((time for row, time in self._free if row >= low), 0) if low > 0 else 0

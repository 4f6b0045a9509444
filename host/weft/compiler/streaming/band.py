"""The rows of one buffer that are on the chip, stripe by stripe."""

from dataclasses import dataclass, field

from weft.compiler.ir import Buffer
from weft.compiler.streaming.tiles import Span

__all__ = ["Band"]


@dataclass(eq=False)
class Band:
    """A band of rows of a buffer: for each stripe from ``low`` up to but without ``high``.

    A row has ``unit`` words. ``slots`` places of ``words`` take turns. ``root`` is the band whose
    place it takes; its rows begin where that one's do, or follow them, ``behind`` rows above.
    ``producer`` is the last of the commands that write it. For each stripe, ``origins`` has the
    word of the buffer that would lie first in the place. Rows that come from DRAM lie one behind
    the other where there is room: ``anchors`` then has that word. ``fresh`` is what comes.
    """

    buffer: Buffer
    unit: int
    producer: int | None
    consumers: list[int]
    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)
    slots: int = 1
    words: int = 0
    base: int = 0
    root: "Band | None" = None
    behind: int | None = None
    room: int = 0
    origins: list[int] = field(default_factory=list)
    anchors: list[int] = field(default_factory=list)
    fresh: list[Span] = field(default_factory=list)

    def span(self, first: int, last: int, tile: int) -> Span:
        """Return whole blocks that hold rows; the last one as far as the buffer goes."""
        stop = min(-(-last * self.unit // tile) * tile, self.buffer.words)
        return Span(self.buffer, first * self.unit // tile * tile, stop)

    def measure(self, tile: int) -> None:
        """Take as many words as the stripe that needs most."""
        self.words = max(
            self.span(low, high, tile).words for low, high in zip(self.low, self.high, strict=True)
        )

    def kept(self, stripe: int) -> int:
        """Return the words of rows that a stripe needs of the stripe before."""
        return max(0, self.high[stripe - 1] - max(0, self.low[stripe])) * self.unit

    def follow(self, tile: int, spare: int) -> int:
        """Find what comes from DRAM for each stripe, and where it goes.

        Return how many more words that takes, at most ``spare``.
        """
        spans = [self.span(a, b, tile) for a, b in zip(self.low, self.high, strict=True)]
        anchor = there = last = -1
        anchors: list[int] = []
        fresh: list[Span] = []
        for span in spans:
            if anchor < 0 or span.stop - anchor > self.words * self.slots + spare:
                if anchor >= 0 and last - anchor < span.words:
                    break  # the stripe before is still in use there
                anchor = there = span.start
            anchors.append(anchor)
            fresh.append(Span(self.buffer, max(there, span.start), max(there, span.stop)))
            there, last = max(there, span.stop), span.start
        else:
            used = max(span.stop - a for span, a in zip(spans, anchors, strict=True))
            if used >= self.words and len(spans) > 1:
                self.anchors, self.fresh, self.room = anchors, fresh, used
                return used - self.words * self.slots
        # Two places take turns, and rows that are needed again come again.
        self.anchors, self.fresh, self.room = [], spans, self.words * self.slots
        return 0

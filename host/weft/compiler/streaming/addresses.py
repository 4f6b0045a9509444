"""Where a chain's buffers lie on the chip, stripe by stripe, and what must come there."""

from weft.compiler.ir import Buffer
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.striping import Striping
from weft.compiler.streaming.tiles import Span

__all__ = ["Addresses"]


class Addresses:
    """Addresses of a chain whose words begin at ``base``.

    Parameters
    ----------
    striping : Striping
        Placed, as are the residents.
    base : int
    mirrored : bool
        What comes first lies at the other end.

    Attributes
    ----------
    at : dict
        The address of word 0 of each buffer.
    before : dict
        The same in the stripe before.
    """

    def __init__(self, striping: Striping, base: int, *, mirrored: bool):
        self._bands, self._mirrored = striping.bands, mirrored
        self._stripe, self._tile = -1, striping.chain.tile

        def place_of(first: int, words: int) -> int:
            return base + (striping.words - first - words if mirrored else first)

        self._lowest = {
            w.buffer: place_of(w.base, (w.root or w).room) for w in self._bands.values()
        }
        self._loads: dict[Buffer, tuple[Span, int]] = {}
        self.at = {buffer: buffer.base for buffer in striping.chain.residents}
        self.before = self.at

    def enter(self, stripe: int) -> None:
        """Go on to a stripe, if it is another one."""
        if stripe == self._stripe:
            return
        self.before, self._stripe = dict(self.at), stripe
        for band in self._bands.values():
            if band.producer is None:
                self._enter_loaded(band)
                continue
            place = self._lowest[band.buffer] + stripe % band.slots * band.words
            self.at[band.buffer] = place - band.origins[stripe]

    def _enter_loaded(self, band: Band) -> None:
        """Find the place of rows that come from DRAM."""
        fresh, lowest = band.fresh[self._stripe], self._lowest[band.buffer]
        if band.anchors:
            first = band.anchors[self._stripe]
        else:
            slot = (self._stripe + self._mirrored) % band.slots
            first = fresh.start - slot * band.words
        self.at[band.buffer] = lowest - first
        if fresh.words:
            self._loads[band.buffer] = fresh, lowest + fresh.start - first

    def arrival(self, buffer: Buffer, needed: int | None) -> tuple[Span, int] | None:
        """Return words that must come before a buffer is read, and where to; once.

        Where no word from ``needed`` on is read yet, those come at the next call; all of them if
        no word is.
        """
        arrival = self._loads.pop(buffer, None)
        if arrival is None or needed is None:
            return arrival
        span, place = arrival
        stop = min(span.stop, max(span.start, -(-needed // self._tile) * self._tile))
        if stop < span.stop:
            self._loads[buffer] = Span(buffer, stop, span.stop), place + stop - span.start
        return (Span(buffer, span.start, stop), place) if stop > span.start else None

"""Words that bands share, whose rows move on through them from stripe to stripe."""

from collections.abc import Sequence

from weft.compiler.streaming.band import Band

__all__ = ["SharedPlace"]


class SharedPlace:
    """The place of a band that a chain writes, and of those that share it.

    Rows stay where they are while there is room behind them. Then those that are needed again are
    copied to the place's begin.

    Parameters
    ----------
    root : Band
    others : sequence of Band
        Whose ``root`` it is.

    Attributes
    ----------
    copied : int
        Words that are copied at a time, about.
    """

    def __init__(self, root: Band, others: Sequence[Band]):
        self._root, self._others = root, others
        self._followers = [w for w in others if w.behind is not None]
        stripes = range(len(root.low))
        self._first = [self._begin(stripe) for stripe in stripes]
        self._stop = [self._end(stripe) for stripe in stripes]
        bands = [root, *self._followers]
        self.copied = max((sum(w.kept(s) for w in bands) for s in stripes[1:]), default=0)
        self._lap = 1  # stripes from copy to copy
        root.room = self.room(1)

    def _begin(self, stripe: int) -> int:
        """Return the first word that a stripe needs, as a word of the root's buffer."""
        root = self._root
        if not self._followers:
            return root.low[stripe] * root.unit
        rows = [max(0, root.low[stripe])]
        rows += [max(0, w.low[stripe]) - (w.behind or 0) for w in self._followers]
        return min(rows) * root.unit

    def _end(self, stripe: int) -> int:
        root = self._root
        words = self._first[stripe] + root.words
        if self._followers:
            rows = [root.high[stripe], *(w.high[stripe] - (w.behind or 0) for w in self._followers)]
            words = max(rows) * root.unit
        return words

    def room(self, lap: int) -> int:
        """Return the words that it takes to copy after every ``lap`` stripes."""
        count = len(self._first)
        last = [min(count, stripe + lap) - 1 for stripe in range(count)]
        return max(max(self._stop[s : e + 1]) - self._first[s] for s, e in enumerate(last))

    def saved(self) -> int:
        """Return the words that need not be copied if it gets room for another stripe."""
        count = len(self._first)
        if self._lap >= count:
            return 0
        return self.copied * count // (self._lap * (self._lap + 1))

    def extend(self) -> None:
        """Take room for another stripe."""
        self._lap += 1
        self._root.room = self.room(self._lap)

    @property
    def more(self) -> int:
        """Words that room for another stripe takes."""
        return self.room(self._lap + 1) - self._root.room

    def settle(self) -> None:
        """Find where the rows of each stripe lie."""
        root, origins = self._root, list[int]()
        for first, stop in zip(self._first, self._stop, strict=True):
            stays = bool(origins) and stop - origins[-1] <= root.room
            origins.append(origins[-1] if stays else first)
        root.origins = origins
        for band in self._others:
            if band.behind is not None:
                above = band.behind * band.unit
                band.origins = [origin + above for origin in origins]
                continue
            band.origins = [
                low * band.unit - (begin * root.unit - origin)
                for low, begin, origin in zip(band.low, root.low, origins, strict=True)
            ]

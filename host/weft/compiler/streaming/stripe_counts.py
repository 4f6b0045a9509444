"""How many stripes a group of commands may be cut into, so that it fits."""

from bisect import bisect_left
from collections.abc import Iterator

from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.fused import Fused
from weft.compiler.streaming.stripe_rows import lead
from weft.compiler.streaming.striping import Striping
from weft.compiler.streaming.tasks import cut

__all__ = ["Cuts"]

_EVERY = 16  # stripes up to which each number is tried


class Cuts:
    """Ways to cut a chain, whatever room there is; what each number of stripes takes is kept.

    Parameters
    ----------
    chain : Chain
    sharing : int
        How many slices share the weight memory; see :func:`slices`.
    """

    def __init__(self, chain: Chain, sharing: int):
        self._chain, self._sharing = chain, sharing
        self._words: dict[tuple[int, bool], int] = {}
        self._least = chain.least() if chain.constants_fit() else None
        height = min(chain.motions[n].height for n in chain.sinks)
        # Above a few, one for each number of rows that a stripe can have, the first with less or
        # not.
        totals = {height, height + lead(chain)}
        counts = {-(-total // rows) for total in totals for rows in range(1, height + 1)}
        self._counts = sorted(n for n in counts.union(range(2, _EVERY + 1)) if 1 < n <= height)

    def fitting(self, arena: int, more: int) -> Iterator[Fused]:
        """Yield ways to cut the chain so that it fits ``arena`` words.

        One command after the other, if all of their maps fit, in the fewest stripes, and in
        ``more`` of them; then in fewer ones still, where what comes from DRAM and goes there has a
        single place.

        Raises
        ------
        TooLarge
            If the weights of one group of channels do not fit the chip.
        """
        if self._takes(1) <= arena:
            yield from self._cut(1, 0, tight=False)
        if self._least is None or self._least > arena:
            return
        counts = self._counts
        for tight in (False, True):
            first = bisect_left(counts, True, key=lambda n: self._takes(n, tight=tight) <= arena)
            for count in counts[first : first + 1 + (0 if tight else more)]:
                yield from self._cut(count, arena, tight=tight)
            counts = counts[:first]

    def _takes(self, count: int, *, tight: bool = False) -> int:
        """Return the words that a number of stripes takes at least."""
        key = count, tight
        if key not in self._words:
            self._words[key] = self._striping(count, tight).place()
        return self._words[key]

    def _cut(self, count: int, arena: int, *, tight: bool) -> Iterator[Fused]:
        """Yield the group that a number of stripes is, if the chain can be cut so."""
        striping = self._striping(count, tight)
        striping.place(arena)
        tasks = cut(striping)
        if tasks is not None:
            yield Fused(striping, tasks)

    def _striping(self, count: int, tight: bool) -> Striping:
        return Striping(self._chain, count, self._sharing, tight=tight)

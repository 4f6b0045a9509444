"""How many stripes a group of commands may be cut into, so that it fits."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.fused import Fused
from weft.compiler.streaming.pieces import Uses
from weft.compiler.streaming.rows import Motion
from weft.compiler.streaming.steps import cut
from weft.compiler.streaming.stripe_rows import lead
from weft.compiler.streaming.striping import Striping

__all__ = ["fuse"]

_EVERY = 16  # stripes up to which each number is tried


def fuse(
    config: Config,
    numbers: range,
    commands: Sequence[Command],
    residents: set[Buffer],
    uses: Uses,
    rows: Mapping[Buffer, int],
    motions: Sequence[Motion | None],
    fixed: set[Buffer],
    arena: int,
    more: int,
    sharing: int,
) -> Iterator[Fused]:
    """Yield ways to cut commands ``numbers`` so that they fit ``arena`` words.

    One after the other, if all of their maps fit, in the fewest stripes, and in ``more`` of them;
    then in fewer ones still, where what comes from DRAM and goes there has a single place.
    """
    chain = Chain.of(config, numbers, commands, motions, residents, uses, rows, fixed)
    if chain is None:
        return
    whole = Striping(chain, 1, sharing)
    if whole.place() <= arena:
        yield from _cut(whole)
    if not chain.constants_fit() or chain.least() > arena:
        return
    height = min(chain.motions[n].height for n in chain.sinks)
    # Above a few, one for each number of rows that a stripe can have, the first with less or not.
    totals = {height, height + lead(chain)}
    counts_of = {-(-total // rows_each) for total in totals for rows_each in range(1, height + 1)}
    every = sorted(counts_of.union(range(2, _EVERY + 1)))
    fewest = height + 1
    for tight in (False, True):
        striping = partial(Striping, chain, sharing=sharing, tight=tight)
        counts = [count for count in every if 1 < count < fewest]
        first = bisect_left(counts, True, key=lambda n: striping(n).place() <= arena)
        for count in counts[first : first + 1 + (0 if tight else more)]:
            made = striping(count)
            made.place(arena)
            yield from _cut(made)
        if first < len(counts):
            fewest = counts[first]


def _cut(striping: Striping) -> Iterator[Fused]:
    """Yield the group that a chain in stripes is, if it can be cut so."""
    steps = cut(striping)
    if steps is not None:
        yield Fused(striping, steps)

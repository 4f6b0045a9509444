"""Small changes to a grouping, each judged by the list that comes of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush

from weft.compiler.streaming.grouping import Grouping, Planner
from weft.compiler.streaming.listing import Listing
from weft.compiler.streaming.pieces import SHARING

__all__ = ["improved"]

_VARIANTS = 6  # of a group that are tried
_LONGEST = 24  # commands in a group


@dataclass(frozen=True)
class _State:
    """Parts and what is chosen of them; see :meth:`Planner.regroup`."""

    parts: tuple[range, ...]
    wanted: frozenset[tuple[range, int]] = frozenset()
    first_end: int = 0
    sharing: int = SHARING[0]

    def want(self, part: range, number: int) -> "_State":
        others = {(other, n) for other, n in self.wanted if other != part}
        return replace(self, wanted=frozenset(others | {(part, number)}))

    def cut(self, parts: tuple[range, ...]) -> "_State":
        return replace(self, parts=parts)


def improved(
    planner: Planner, grouping: Grouping, listed: Callable[[Grouping], Listing], tries: int
) -> Grouping:
    """Return ``grouping`` or a faster one, after at most ``tries`` looks at lists.

    Costs know nothing of what groups leave to the next one: memory that is still in use, a mover
    that is behind. So another variant of a group, two groups as one, or one as two, may do better.
    """
    state = _State(tuple(group.numbers for group in grouping.groups))
    best, listing, seen, count = grouping, listed(grouping), {state}, 0
    least = listing.worked
    # The best one first, and what has not been changed about it yet.
    open_ends = [(least, count, _changes(planner, state, listing))]
    while open_ends and count < tries:
        worked, number, changes = heappop(open_ends)
        other = next((change for change in changes if change not in seen), None)
        if other is None:
            continue
        seen.add(other)
        heappush(open_ends, (worked, number, changes))
        made = planner.regroup(other.parts, dict(other.wanted), other.first_end, other.sharing)
        listing, count = listed(made), count + 1
        heappush(open_ends, (listing.worked, count, _changes(planner, other, listing)))
        if listing.worked < least:
            best, least = made, listing.worked
    return best


def _by_loss(planner: Planner, parts: tuple[range, ...], listing: Listing) -> list[int]:
    """Return the numbers of parts, first those which lose most cycles."""
    lost = dict.fromkeys(range(len(planner.commands)), 0)
    for item, cycles in zip(listing.items, listing.item_cycles, strict=True):
        if item.piece is not None:
            lost[item.piece.whole] += cycles
    losses = [sum(lost[n] - planner.whole[n] for n in part) for part in parts]
    # What a group waits for may be the one before.
    return sorted(range(len(parts)), key=lambda n: -max(losses[n], *losses[n + 1 : n + 2], 0))


def _changes(planner: Planner, state: _State, listing: Listing) -> Iterator[_State]:
    """Yield changes to a grouping, first those where most may be gained."""
    yield replace(state, first_end=1 - state.first_end)
    for sharing in SHARING:
        yield replace(state, sharing=sharing)
    for at in _by_loss(planner, state.parts, listing):
        yield from _changes_at(state, at)


def _changes_at(state: _State, at: int) -> Iterator[_State]:
    """Yield changes to the part at ``at``."""
    parts, part = state.parts, state.parts[at]
    before, behind = parts[:at], parts[at + 1 :]
    if len(part) > 1:
        for number in range(_VARIANTS):
            yield state.want(part, number)
    if behind:
        follows = behind[0]
        if len(part) + len(follows) <= _LONGEST:
            yield state.cut((*before, range(part.start, follows.stop), *behind[1:]))
        edges = [part.stop + 1] if len(follows) > 1 else []
        edges += [part.stop - 1] if len(part) > 1 else []
        for edge in edges:
            moved = range(part.start, edge), range(edge, follows.stop)
            yield state.cut((*before, *moved, *behind[1:]))
    for edge in range(part.start + 1, part.stop):
        halves = range(part.start, edge), range(edge, part.stop)
        yield state.cut((*before, *halves, *behind))

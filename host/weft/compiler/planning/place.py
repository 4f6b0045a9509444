"""Where buffers lie in activation memory: first fit over their lifetimes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer

__all__ = ["Lifetime", "place_buffers"]


class Lifetime:
    """The steps at which a buffer is needed: from ``first`` to ``last``, and some others."""

    def __init__(self, buffer: Buffer, first: int, last: int | None = None):
        self.buffer, self.first = buffer, first
        self.last = first if last is None else last
        self._others: tuple[range, ...] = ()

    def extend(self, step: int) -> None:
        """Include ``step`` and all between."""
        self.first, self.last = min(self.first, step), max(self.last, step)

    def also(self, steps: range) -> "Lifetime":
        """Return the same with further steps."""
        life = Lifetime(self.buffer, self.first, self.last)
        life._others = (*self._others, steps)
        return life

    @property
    def steps(self) -> set[int]:
        """Every step at which it is needed."""
        return set(range(self.first, self.last + 1)).union(*self._others)


def place_buffers(
    config: Config, constants: Iterable[Buffer], lifetimes: Sequence[Lifetime]
) -> int:
    """Set ``base`` of every buffer; return the words used, perhaps more than there are.

    Constants come first and stay. The others go largest first or in order of time,
    whichever needs less, each to the lowest place that is free for its lifetime and aligned to
    the words that are read at once.
    """
    start, unit = 0, config.fill_words
    for buffer in constants:
        buffer.base = start
        start += _aligned(buffer.words, unit)
    orders = [
        sorted(lifetimes, key=lambda life: (-life.buffer.words, life.first)),
        sorted(lifetimes, key=lambda life: (life.first, -life.buffer.words)),
    ]
    used, bases = min(
        (_first_fit(order, start, unit) for order in orders), key=lambda result: result[0]
    )
    for buffer, base in bases:
        buffer.base = base
    return used


def _aligned(words: int, unit: int) -> int:
    return -(-words // unit) * unit


def _first_fit(
    order: list[Lifetime], start: int, unit: int
) -> tuple[int, list[tuple[Buffer, int]]]:
    placed: list[tuple[Buffer, int]] = []
    occupied: dict[int, list[tuple[int, int]]] = defaultdict(list)  # base and words at each step
    used = start
    for life in order:
        base, needed, steps = start, life.buffer.words, life.steps
        for other_base, words in sorted({place for step in steps for place in occupied[step]}):
            if other_base - base >= needed:
                break
            base = max(base, _aligned(other_base + words, unit))
        for step in steps:
            occupied[step].append((base, needed))
        placed.append((life.buffer, base))
        used = max(used, base + needed)
    return used, placed

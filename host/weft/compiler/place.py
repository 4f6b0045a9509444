"""Where buffers lie in activation memory: first fit over their lifetimes."""

from collections.abc import Iterable

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer
from weft.errors import CapacityError

__all__ = ["Lifetime", "place_buffers"]


class Lifetime:
    """From the first step that writes a buffer to the last one that reads it."""

    def __init__(self, buffer: Buffer, step: int):
        self.buffer, self.first, self.last = buffer, step, step

    def extend(self, step: int) -> None:
        """Include ``step``."""
        self.first, self.last = min(self.first, step), max(self.last, step)

    def meets(self, other: "Lifetime") -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def place_buffers(
    config: Config, constants: Iterable[Buffer], lifetimes: list[Lifetime], model: str
) -> int:
    """Set ``base`` of every buffer and return the words used.

    Constants come first and stay. The others go largest first or in order of time,
    whichever needs less, each to the lowest place that is free for its lifetime.

    Raises
    ------
    CapacityError
        If activation memory is too small.
    """
    start = 0
    for buffer in constants:
        buffer.base = start
        start += buffer.words
    orders = [
        sorted(lifetimes, key=lambda life: (-life.buffer.words, life.first)),
        sorted(lifetimes, key=lambda life: (life.first, -life.buffer.words)),
    ]
    results = [_first_fit(order, start) for order in orders]
    best = min(results, key=lambda result: result[0])
    used = best[0]
    for buffer, base in best[1]:
        buffer.base = base
    if used > config.activation_words:
        raise CapacityError(
            f"{model} needs {used * config.columns} bytes of activation memory; {config.name} has "
            f"{config.activation_words * config.columns}")  # fmt: skip
    return used


def _first_fit(order: list[Lifetime], start: int) -> tuple[int, list[tuple[Buffer, int]]]:
    placed: list[tuple[Lifetime, int]] = []
    used = start
    for life in order:
        base = start
        taken = sorted(
            (other_base, other.buffer.words) for other, other_base in placed if life.meets(other))
        for other_base, words in taken:
            if other_base - base >= life.buffer.words:
                break
            base = max(base, other_base + words)
        placed.append((life, base))
        used = max(used, base + life.buffer.words)
    return used, [(life.buffer, base) for life, base in placed]

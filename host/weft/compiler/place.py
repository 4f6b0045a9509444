"""Where buffers lie in activation memory: first fit over their lifetimes."""

from collections.abc import Collection, Iterable

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

    def always(self, end: int) -> "Lifetime":
        """Return the same for a buffer that is needed at every step up to ``end``."""
        life = Lifetime(self.buffer, 0)
        life.extend(end)
        return life

    def meets(self, other: "Lifetime") -> bool:
        """Whether both are needed at the same time."""
        return self.first <= other.last and other.first <= self.last


def place_buffers(
    config: Config, constants: Iterable[Buffer], lifetimes: list[Lifetime],
    edges: Collection[Buffer], model: str,
) -> tuple[int, bool]:  # fmt: skip
    """Set ``base`` of every buffer; return the words used and whether ``edges`` lie alone.

    Constants come first and stay. The others go largest first or in order of time,
    whichever needs less, each to the lowest place that is free for its lifetime and aligned to
    the words that are read at once. Where there is room, what the host writes and reads
    (``edges``) shares its place with nothing, so that it can do so while the accelerator works on
    another image.

    Raises
    ------
    CapacityError
        If activation memory is too small.
    """
    start, unit = 0, config.fill_words
    for buffer in constants:
        buffer.base = start
        start += _aligned(buffer.words, unit)
    end = max((life.last for life in lifetimes), default=0)
    apart = [
        life.always(end) if any(life.buffer is edge for edge in edges) else life
        for life in lifetimes
    ]
    used, bases = _best_fit(apart, start, unit)
    exclusive = used <= config.activation_words
    if not exclusive:
        used, bases = _best_fit(lifetimes, start, unit)
    for buffer, base in bases:
        buffer.base = base
    if used > config.activation_words:
        raise CapacityError(
            f"{model} needs {used * config.columns} bytes of activation memory; {config.name} has "
            f"{config.activation_words * config.columns}")  # fmt: skip
    return used, exclusive


def _aligned(words: int, unit: int) -> int:
    return -(-words // unit) * unit


def _best_fit(
    lifetimes: list[Lifetime], start: int, unit: int
) -> tuple[int, list[tuple[Buffer, int]]]:
    orders = [
        sorted(lifetimes, key=lambda life: (-life.buffer.words, life.first)),
        sorted(lifetimes, key=lambda life: (life.first, -life.buffer.words)),
    ]
    return min((_first_fit(order, start, unit) for order in orders), key=lambda result: result[0])


def _first_fit(
    order: list[Lifetime], start: int, unit: int
) -> tuple[int, list[tuple[Buffer, int]]]:
    placed: list[tuple[Lifetime, int]] = []
    used = start
    for life in order:
        base = start
        taken = sorted(
            (other_base, other.buffer.words) for other, other_base in placed if life.meets(other))
        for other_base, words in taken:
            if other_base - base >= life.buffer.words:
                break
            base = max(base, _aligned(other_base + words, unit))
        placed.append((life, base))
        used = max(used, base + life.buffer.words)
    return used, [(life.buffer, base) for life, base in placed]

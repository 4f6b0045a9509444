"""Which pieces a list of commands is cut into, and which buffers stay on the chip meanwhile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.streaming.tiles import (
    Span,
    channel_slice,
    group_words,
    reads,
    row_stripe,
    word_range,
    writes,
)

__all__ = ["Piece", "Stripe", "Uses", "cut", "stripes_of", "tile_words"]


@dataclass(eq=False)
class Stripe:
    """Pieces that share their input and their output.

    ``loads`` and ``store`` are words of buffers in DRAM, from the first word of a block on;
    ``keeps`` says that words of ``store`` hold other results already, which are loaded first.
    """

    loads: tuple[Span, ...]
    store: Span | None
    keeps: bool
    pieces: list["Piece"] = field(default_factory=list)

    @property
    def words(self) -> int:
        """Words on the chip."""
        return sum(span.words for span in (*self.loads, *((self.store,) if self.store else ())))


@dataclass(eq=False)
class Piece:
    """One descriptor: ``command`` is a piece of command number ``whole``."""

    whole: int
    command: Command
    stripe: Stripe
    groups: tuple[int, int] = (0, 0)
    finishes: bool = False


class Uses:
    """When each buffer is written and read, in commands of one run."""

    def __init__(self, commands: Sequence[Command]):
        self.writers: dict[Buffer, list[int]] = {}
        self.readers: dict[Buffer, list[int]] = {}
        for number, command in enumerate(commands):
            for buffer in command.reads:
                self.readers.setdefault(buffer, []).append(number)
            if command.target is not None:
                self.writers.setdefault(command.target[0], []).append(number)

    def life(self, buffer: Buffer) -> range:
        """Return the commands between which it is needed."""
        numbers = self.writers.get(buffer, []) + self.readers.get(buffer, [])
        return range(min(numbers), max(numbers) + 1)


def tile_words(config: Config) -> int:
    """Return how many words of activation memory a block of DRAM holds."""
    return max(1, DRAM_BLOCK_BYTES // config.columns)


def cut(
    config: Config,
    number: int,
    command: Command,
    resident: set[Buffer],
    uses: Uses,
    *,
    room: int,
    weight_words: int,
    parameter_words: int,
) -> list[Stripe]:
    """Return the stripes of command ``number``, each of at most ``room`` words on the chip.

    Raises
    ------
    TooLarge
        If the smallest piece does not fit.
    """
    again = command.target is not None and uses.writers[command.target[0]][0] < number
    most = _height(config, command)
    best: list[Stripe] | None = None
    low, high = 1, most
    while low <= high:  # the tallest stripes that fit
        middle = (low + high) // 2
        stripes = stripes_of(config, command, resident, again, middle)
        if stripes is None:  # a boundary lies in the padding: taller ones may do
            low = middle + 1
        elif max(stripe.words for stripe in stripes) <= room:
            best, low = stripes, middle + 1
        else:
            high = middle - 1
    if best is None:
        raise TooLarge(f"one row of its input and output does not fit {room} words on the chip")
    for stripe in best:
        for first, last in _slices(config, command, weight_words, parameter_words):
            whole = stripe.pieces[0]
            piece = channel_slice(config, whole.command, first, last) if last else whole.command
            stripe.pieces.append(Piece(number, piece, stripe, (first, last)))
        del stripe.pieces[0]
    best[-1].pieces[-1].finishes = True
    return best


def _height(config: Config, command: Command) -> int:
    if command.fields["kind"] == Kind.MAC:
        return command.fields["out_height"]
    if command.fields["kind"] == Kind.ELEMENTWISE:
        return -(-command.fields["word_count"] // tile_words(config))
    return 1


def _parts(config: Config, command: Command, step: int) -> Iterable[Command | None]:
    kind = command.fields["kind"]
    if kind == Kind.MAC:
        height = command.fields["out_height"]
        for first in range(0, height, step):
            yield row_stripe(command, first, min(first + step, height))
    elif kind == Kind.ELEMENTWISE:
        count, unit = command.fields["word_count"], tile_words(config)
        for first in range(0, count, step * unit):
            yield word_range(config, command, first, min(first + step * unit, count))
    else:
        yield command


def stripes_of(
    config: Config, command: Command, resident: set[Buffer], again: bool, step: int
) -> list[Stripe] | None:
    """Return stripes of ``step`` rows (or blocks of words), a piece each; None if it cannot be.

    ``again`` says that another command has written to the same buffer before.
    """
    stripes = []
    for part in _parts(config, command, step):
        if part is None:
            return None
        loads = tuple(
            _whole_blocks(config, span)
            for span in reads(config, part)
            if span.buffer not in resident
        )
        store, keeps = writes(config, part), False
        if store is not None and store.buffer in resident:
            store = None
        if store is not None:
            blocks = _whole_blocks(config, store)
            ragged = blocks.start < store.start or (
                blocks.stop > store.stop and store.stop < store.buffer.words
            )
            keeps, store = again or (ragged and step < _height(config, command)), blocks
        stripe = Stripe(loads, store, keeps)
        stripe.pieces.append(Piece(-1, part, stripe))
        stripes.append(stripe)
    return stripes


def _whole_blocks(config: Config, span: Span) -> Span:
    unit = tile_words(config)
    return Span(span.buffer, span.start // unit * unit, -(-span.stop // unit) * unit)


def _slices(
    config: Config, command: Command, weight_words: int, parameter_words: int
) -> list[tuple[int, int]]:
    """Return ranges of groups whose weights and parameters fit; (0, 0) for what has none."""
    if command.fields["kind"] != Kind.MAC:
        return [(0, 0)]
    groups = command.fields["groups"]
    each = min(weight_words // max(1, group_words(command)), parameter_words // config.beats)
    if each < 1:
        raise TooLarge(f"the weights of {config.columns} of its channels do not fit the chip")
    count = -(-groups // each)
    return [(groups * n // count, groups * (n + 1) // count) for n in range(count)]

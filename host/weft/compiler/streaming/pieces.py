"""Which pieces a list of commands is cut into, and which buffers stay on the chip meanwhile."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.streaming.tiles import (
    Span,
    fills_words,
    group_words,
    packed,
    reads,
    row_stripe,
    word_range,
    writes,
)

__all__ = [
    "SHARING",
    "Piece",
    "Scope",
    "Stripe",
    "Uses",
    "height_of",
    "slices",
    "stripes_of",
    "tile_words",
]

SHARING = (8, 4)  # slices that share the weight memory: the usual number first


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


@dataclass(frozen=True, eq=False)
class Scope:
    """Pieces that follow each other and keep their constants on the chip."""


@dataclass(eq=False)
class Piece:
    """One descriptor: ``command`` is a piece of command number ``whole``.

    It may use constants of ``of`` from output group ``first`` on, and begin when those are there.
    """

    whole: int
    command: Command
    scope: Scope = field(default_factory=Scope)
    finishes: bool = False
    of: Command | None = None
    first: int = 0


class Uses:
    """When each buffer is written and read, in commands of one run.

    Those in ``begun`` hold results from before the run: -1 is the first of their writers.
    """

    def __init__(self, commands: Sequence[Command], begun: Set[Buffer] = frozenset()):
        self.writers: dict[Buffer, list[int]] = {}
        self.readers: dict[Buffer, list[int]] = {}
        for number, command in enumerate(commands):
            for buffer in command.reads:
                self.readers.setdefault(buffer, []).append(number)
            if command.target is not None:
                target = command.target[0]
                before = [-1] if target in begun else []
                self.writers.setdefault(target, before).append(number)

    def beside(self, command: Command) -> list[int]:
        """Return what writes to a command's target, itself among them."""
        return [] if command.target is None else self.writers[command.target[0]]

    def life(self, buffer: Buffer) -> range:
        """Return the commands between which it is needed."""
        numbers = self.writers.get(buffer, []) + self.readers.get(buffer, [])
        return range(max(0, min(numbers)), max(numbers) + 1)


def tile_words(config: Config) -> int:
    """Return how many words of activation memory a block of DRAM holds."""
    return max(1, DRAM_BLOCK_BYTES // config.columns)


def height_of(config: Config, command: Command) -> int:
    """Return how many rows, or blocks of words, a command can be cut into."""
    f = command.descriptor
    if isinstance(f, Mac):
        return f.out_height
    if isinstance(f, Elementwise):
        return -(-f.word_count // tile_words(config))
    return 1


def _parts(config: Config, command: Command, step: int) -> Iterable[Command | None]:
    f = command.descriptor
    if isinstance(f, Mac):
        height = f.out_height
        for first in range(0, height, step):
            yield row_stripe(config, command, first, min(first + step, height))
    elif isinstance(f, Elementwise):
        count, unit = f.word_count, tile_words(config)
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
        loaded = stored = None
        if isinstance(part.descriptor, Mac) and tile_words(config) == 1:
            part, loaded, stored = packed(config, part, resident)
        loads = tuple(
            _whole_blocks(config, span)
            for span in ([loaded] if loaded else reads(config, part))
            if span.buffer not in resident
        )
        store, keeps = writes(config, part), False
        if stored is not None:
            stripes.append(Stripe(loads, stored, again and not fills_words(config, part)))
            stripes[-1].pieces.append(Piece(-1, part))
            continue
        if store is not None and store.buffer in resident:
            store = None
        if store is not None:
            blocks = _whole_blocks(config, store)
            ragged = blocks.start < store.start or (
                blocks.stop > store.stop and store.stop < store.buffer.words
            )
            keeps, store = again or (ragged and step < height_of(config, command)), blocks
        stripe = Stripe(loads, store, keeps)
        stripe.pieces.append(Piece(-1, part))
        stripes.append(stripe)
    return stripes


def _whole_blocks(config: Config, span: Span) -> Span:
    unit = tile_words(config)
    if span.rows > 1:
        return span
    return Span(span.buffer, span.start // unit * unit, -(-span.stop // unit) * unit)


def slices(config: Config, command: Command, stripes: int, sharing: int) -> list[tuple[int, int]]:
    """Return ranges of groups whose weights and parameters fit; (0, 0) for what has none.

    Where stripes need the same slices again and again, a slice is all of them if that is
    possible. Else ``sharing`` slices share the memory: some come while one is used.

    Raises
    ------
    TooLarge
        If one group does not fit, or the window program.
    """
    if not isinstance(command.descriptor, Mac):
        return [(0, 0)]
    if len(command.entries) > config.window_count:
        raise TooLarge(
            f"a window program of {len(command.entries)} entries does not fit "
            f"{config.window_count} on the chip"
        )
    groups, words = command.descriptor.groups, max(1, group_words(command))
    room = config.parameter_words - (command.sum_parameters is not None)
    most = min(config.weight_words // words, room // config.beats)
    if most < 1:
        raise TooLarge(f"the weights of {config.columns} of its channels do not fit the chip")
    each = most if most >= groups and stripes > 1 else max(1, most // sharing)
    count = -(-groups // each)
    return [(groups * n // count, groups * (n + 1) // count) for n in range(count)]

"""Which pieces a list of commands is cut into, and which buffers stay on the chip meanwhile."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.tiles import (
    Span,
    channel_slice,
    fills_words,
    group_words,
    packed,
    reads,
    row_stripe,
    word_range,
    writes,
)

if TYPE_CHECKING:
    from weft.compiler.streaming.writer import Writer

__all__ = [
    "SHARING",
    "Piece",
    "Scope",
    "Single",
    "Stripe",
    "Uses",
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
    """When each buffer is written and read, in commands of one run."""

    def __init__(self, commands: Sequence[Command]):
        self.writers: dict[Buffer, list[int]] = {}
        self.readers: dict[Buffer, list[int]] = {}
        for number, command in enumerate(commands):
            for buffer in command.reads:
                self.readers.setdefault(buffer, []).append(number)
            if command.target is not None:
                self.writers.setdefault(command.target[0], []).append(number)

    def beside(self, command: Command) -> list[int]:
        """Return the commands that write to a command's target, itself among them."""
        return [] if command.target is None else self.writers[command.target[0]]

    def life(self, buffer: Buffer) -> range:
        """Return the commands between which it is needed."""
        numbers = self.writers.get(buffer, []) + self.readers.get(buffer, [])
        return range(min(numbers), max(numbers) + 1)


def tile_words(config: Config) -> int:
    """Return how many words of activation memory a block of DRAM holds."""
    return max(1, DRAM_BLOCK_BYTES // config.columns)


class Single:
    """One command in stripes, each perhaps in slices of output channels.

    Raises
    ------
    TooLarge
        If the smallest piece does not fit.
    """

    def __init__(
        self,
        config: Config,
        number: int,
        command: Command,
        residents: set[Buffer],
        uses: Uses,
        arena: int,
        sharing: int,
    ):
        self.config, self.numbers, self._command = config, range(number, number + 1), command
        self._residents, self._uses = residents, uses
        again = command.target is not None and uses.writers[command.target[0]][0] < number
        for share in (2, 1):  # two stripes, so that one comes while the other is used
            stripes = _tallest(config, command, residents, again, arena // share)
            if stripes is not None:
                break
        else:
            raise TooLarge(
                f"one row of its input and output does not fit {arena} words on the chip"
            )
        self._stripes = stripes
        self._width = max(stripe.words for stripe in stripes)
        self._slots = min(len(stripes), arena // self._width) if self._width else 1
        self.words = self._width * self._slots
        self._slices = slices(config, command, len(stripes), sharing)
        self.pieces: list[Piece] = []
        together = Scope()
        for stripe in stripes:
            whole = stripe.pieces.pop()
            for first, last in self._slices:
                part = channel_slice(config, whole.command, first, last) if last else whole.command
                scope = together if len(self._slices) == 1 else Scope()
                stripe.pieces.append(Piece(number, part, scope))
            self.pieces += stripe.pieces
        self.pieces[-1].finishes = True

    def write(self, writer: "Writer", base: int, shadowed: set[Buffer], *, mirrored: bool) -> None:
        """Write the command's pieces; their words on the chip begin at ``base``.

        The first stripe lies there, or, ``mirrored``, at the other end.
        """
        target = self._command.target and self._command.target[0]
        for number, stripe in enumerate(self._stripes):
            slot = (number + mirrored * (self._slots - 1)) % self._slots
            place, loads, at = base + slot * self._width, list(stripe.loads), []
            for buffer in self._command.reads:
                if buffer in self._residents:
                    at.append(buffer.base)
                    continue
                span = loads.pop(0)
                writer.load(span, place)
                at.append(place - span.start)
                place += span.words
            to = 0 if target is None else target.base
            if stripe.store:
                to = place - stripe.store.start
                if stripe.keeps:
                    writer.load(stripe.store, place)
            for piece in stripe.pieces:
                writer.run(piece, at, to)
            if stripe.store:
                writer.store(stripe.store, place)
        complete = target is not None and self._uses.writers[target][-1] == self.numbers[0]
        if complete and target in shadowed and target in self._residents:
            writer.store(Span(target, 0, target.words), target.base)

    def cost(self, whole: Sequence[int]) -> tuple[int, int, int]:
        """Return about how many cycles layers and moves take, and what does not overlap.

        ``whole`` are the cycles of each command.
        """
        layers = whole[self.numbers[0]] + sum(
            restart_cycles(self.config, piece.command) for piece in self.pieces[1:]
        )
        moves = words = 0
        for stripe in self._stripes:
            moves += len(stripe.loads) + (stripe.store is not None)
            words += stripe.words + (stripe.store.words if stripe.store and stripe.keeps else 0)
        constants = constant_bytes(self.config, [self._command])
        if len(self._slices) > 1:
            constants *= len(self._stripes)
        stored = stripe.store.words if (stripe := self._stripes[-1]).store else 0
        loaded = sum(span.words for span in self._stripes[0].loads)
        edge = move_cycles(self.config, 0, loaded + stored, 0)
        return layers, move_cycles(self.config, moves, words, constants), edge


def _tallest(
    config: Config, command: Command, resident: set[Buffer], again: bool, room: int
) -> list[Stripe] | None:
    """Return the tallest stripes that take at most ``room`` words; None if there are none."""
    best: list[Stripe] | None = None
    low, high = 1, _height(config, command)
    middle = high  # most commands fit whole
    while low <= high:
        stripes = stripes_of(config, command, resident, again, middle)
        if stripes is None:  # a boundary lies in the padding: taller ones may do
            low = middle + 1
        elif max(stripe.words for stripe in stripes) <= room:
            best, low = stripes, middle + 1
        else:
            high = middle - 1
        middle = (low + high) // 2
    return best


def _height(config: Config, command: Command) -> int:
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
            yield row_stripe(command, first, min(first + step, height))
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
            keeps, store = again or (ragged and step < _height(config, command)), blocks
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
    most = min(config.weight_words // words, config.parameter_words // config.beats)
    if most < 1:
        raise TooLarge(f"the weights of {config.columns} of its channels do not fit the chip")
    each = most if most >= groups and stripes > 1 else max(1, most // sharing)
    count = -(-groups // each)
    return [(groups * n // count, groups * (n + 1) // count) for n in range(count)]

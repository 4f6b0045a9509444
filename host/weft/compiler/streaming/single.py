"""One command in stripes, each perhaps in slices of output channels."""

from collections.abc import Sequence

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.pieces import Piece, Scope, Stripe, Uses, height_of, slices, stripes_of
from weft.compiler.streaming.tiles import Span, channel_slice
from weft.compiler.streaming.writer import Writer

__all__ = ["Single"]


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

    def write(self, writer: Writer, base: int, shadowed: set[Buffer], *, mirrored: bool) -> None:
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
    low, high = 1, height_of(config, command)
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

"""A chain in stripes as a list of tasks: pieces of commands, and copies of rows."""

from dataclasses import dataclass

from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.layers import Elementwise, Mac

from weft.compiler.descriptions import array_steps
from weft.compiler.ir import Command
from weft.compiler.lowering.context import identity_parameters
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.pieces import Piece, Scope
from weft.compiler.streaming.striping import Striping
from weft.compiler.streaming.tiles import channel_slice

__all__ = ["Task", "cut"]


@dataclass(frozen=True, eq=False)
class Task:
    """A piece, and the stripe that it belongs to.

    It computes ``rows``, from the first up to but without the last, or copies rows of the band
    ``copy``.
    """

    stripe: int
    piece: Piece
    rows: tuple[int, int] | None = None
    copy: Band | None = None


def cut(striping: Striping) -> list[Task] | None:
    """Return the tasks, in order; None if a command cannot be cut so."""
    return _Cutter(striping).cut()


class _Cutter:
    def __init__(self, striping: Striping):
        self._striping, self._chain = striping, striping.chain
        self._config, self._commands = striping.chain.config, striping.chain.commands
        self._scope = Scope()
        self._tasks: list[Task] = []

    def cut(self) -> list[Task] | None:
        chain = self._chain
        for stripe in range(self._striping.count):
            # Rows that follow others in the same place go before those.
            for band in reversed(self._striping.bands.values()):
                self._cut_copy(band, stripe)
            for n in chain.numbers:
                if not self._cut_rows(n, stripe):
                    return None
        last = {task.piece.whole: task.piece for task in self._tasks if task.copy is None}
        for piece in last.values():
            piece.finishes = True
        return self._tasks

    def _cut_rows(self, number: int, stripe: int) -> bool:
        """Cut a stripe's rows of a command into slices; return whether that can be."""
        ends = self._striping.ends[number]
        first, last = ends[stripe - 1] if stripe else 0, ends[stripe]
        if first >= last:
            return True
        if stripe == 0 and (early := self._early(number)):
            return self._cut_part(number, stripe, 0, early) and self._cut_part(
                number, stripe, early, last
            )
        return self._cut_part(number, stripe, first, last)

    def _cut_part(self, number: int, stripe: int, first: int, last: int) -> bool:
        """Cut some rows of a command into slices; return whether that can be."""
        part = self._chain.motions[number].part(self._config, first, last)
        if part is None:
            return False
        if stripe == 0 < self._striping.count - 1 and self._hurried(number):
            for group in range(self._commands[number].mac.groups):
                sliced = channel_slice(self._config, part, group, group + 1, every_step=True)
                piece = self._add(stripe, number, sliced, (first, last))
                piece.of, piece.first = part, group
            return True
        for groups in self._striping.slices[number]:
            sliced = channel_slice(self._config, part, *groups) if groups[1] else part
            self._add(stripe, number, sliced, (first, last))
        return True

    def _early(self, number: int) -> int:
        """Return how many rows a run's first command computes while the others' input comes.

        0 where all wait for all of it.
        """
        chain, bands = self._chain, self._striping.bands
        command, ends = chain.commands[number], self._striping.ends[number]
        target = bands.get(chain.target(number))
        if number > 0 or not isinstance(command.descriptor, Mac):
            return 0
        if target is None or target.root is not None or len(self._striping.slices[number]) > 1:
            return 0  # results would take the place of what is needed, or slices come twice
        source = bands.get(command.reads[0])
        if source is None or not source.fresh:
            return 0
        comes = move_cycles(self._config, 0, source.fresh[0].words, 0)
        computes = array_steps(self._config, command) * ends[0] // command.mac.out_height
        early = -(-ends[0] * comes // (comes + computes))
        return early if comes > computes // ends[0] and early < ends[0] else 0

    def _hurried(self, number: int) -> bool:
        """Whether a command of a run's first stripe would wait for the last of its weights."""
        chain = self._chain
        band = self._striping.bands.get(chain.target(number))
        if band is not None and band.root is not None:
            return False  # its first channels would take the place of what the others need
        before = [self._commands[n] for n in chain.motions if n <= number]
        last = before[-1]
        if chain.numbers.start or len(before) == 1 or not isinstance(last.descriptor, Mac):
            return False
        loaded = move_cycles(self._config, 0, 0, constant_bytes(self._config, before))
        done = sum(array_steps(self._config, c) for c in before[:-1]) // self._striping.count
        return loaded > done + restart_cycles(self._config, last) * last.descriptor.groups

    def _cut_copy(self, band: Band, stripe: int) -> None:
        """Copy rows that are needed again to where the stripe wants them."""
        if not stripe or band.producer is None or band.slots > 1:
            return
        low, high = max(0, band.low[stripe]), band.high[stripe - 1]
        if low >= high or band.origins[stripe] == band.origins[stripe - 1]:
            return
        descriptor = Elementwise(
            word_count=(high - low) * band.unit,
            unary=True,
            rounding=Rounding.HALF_UP,
            low=-128,
            high=127,
        )
        node, lanes = self._commands[band.producer].node, self._config.lanes
        at = low * band.unit
        command = Command(
            node,
            descriptor,
            (band.buffer, at),
            (band.buffer, at * self._config.beats),
            parameters=identity_parameters(lanes, lanes),
        )
        self._add(stripe, band.producer, command, copy=band)

    def _add(
        self,
        stripe: int,
        number: int,
        command: Command,
        rows: tuple[int, int] | None = None,
        copy: Band | None = None,
    ) -> Piece:
        piece = Piece(number, command, Scope() if self._striping.count == 1 else self._scope)
        self._tasks.append(Task(stripe, piece, rows, copy))
        return piece

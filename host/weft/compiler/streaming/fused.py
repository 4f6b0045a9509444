"""Several commands, depth-first: a few rows through all of them, then the next few rows.

What lies between them stays on the chip. Rows that are needed again stay or are copied, not
computed again. A result may take the place of rows that nobody needs once they are read.
"""

from collections.abc import Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_BYTES

from weft.compiler.ir import Buffer
from weft.compiler.streaming.addresses import Addresses
from weft.compiler.streaming.band import Band
from weft.compiler.streaming.costs import constant_bytes, move_cycles, restart_cycles
from weft.compiler.streaming.striping import Striping
from weft.compiler.streaming.tasks import Task
from weft.compiler.streaming.tiles import Span, reads
from weft.compiler.streaming.writer import Writer

__all__ = ["Fused"]


class Fused:
    """A group of commands in stripes: ``tasks`` of a chain that has its places."""

    def __init__(self, striping: Striping, tasks: Sequence[Task]):
        self._striping, self._chain, self._tasks = striping, striping.chain, tasks
        self.config, self.numbers = self._chain.config, self._chain.numbers
        self.words = striping.words
        self.pieces = [task.piece for task in tasks]

    def write(self, writer: Writer, base: int, shadowed: set[Buffer], *, mirrored: bool) -> None:
        """Write the group; its words begin at ``base``, and what comes first lies at that end.

        Or, ``mirrored``, at the other one.
        """
        addresses = Addresses(self._striping, base, mirrored=mirrored)
        for number, task in enumerate(self._tasks):
            addresses.enter(task.stripe)
            piece, at = task.piece, addresses.at
            if task.copy is not None:
                buffer = task.copy.buffer
                writer.run(piece, [addresses.before[buffer]], at[buffer])
                continue
            target = None if task.rows is None else self._chain.target(piece.whole)
            reads = [at[buffer] for buffer in piece.command.reads]
            for buffer in piece.command.reads:  # its place may be another's until now
                words = self._needed(number, buffer)
                if (arrival := addresses.arrival(buffer, words)) is not None:
                    writer.load(*arrival)
            writer.run(piece, reads, 0 if target is None else at[target])
            if target is not None and self._completes(number, target):
                self._store(writer, task, target, at[target], shadowed)

    def _needed(self, number: int, buffer: Buffer) -> int | None:
        """Return up to which word of a buffer a task reads it; None if it is a stripe's last."""
        task = self._tasks[number]
        for following in self._tasks[number + 1 : number + 2]:
            same = following.stripe == task.stripe and following.piece.whole == task.piece.whole
            if same and following.rows != task.rows:
                spans = reads(self.config, task.piece.command)
                return max(span.stop for span in spans if span.buffer is buffer)
        return None

    def _completes(self, number: int, target: Buffer) -> bool:
        """Whether a task is the last that writes its rows of ``target``."""
        task = self._tasks[number]
        for following in self._tasks[number + 1 : number + 2]:
            if following.piece.whole == task.piece.whole and following.rows == task.rows:
                return False  # another slice of the same rows
        return task.piece.whole == self._chain.producers[target][-1]

    def _store(
        self, writer: Writer, task: Task, target: Buffer, at: int, shadowed: set[Buffer]
    ) -> None:
        """Store the rows of a task where somebody else needs them."""
        if task.rows is not None and target not in self._chain.residents:
            if target in self._chain.stored or target in shadowed:
                span = self._striping.bands[target].span(*task.rows, self._chain.tile)
                writer.store(span, at + span.start)
        elif target in shadowed and task.piece.finishes:
            writer.store(Span(target, 0, target.words), target.base)

    def cost(self, whole: Sequence[int]) -> tuple[int, int, int]:
        """Return about how many cycles layers and moves take, and what does not overlap.

        ``whole`` are the cycles of each command.
        """
        chain, count = self._chain, self._striping.count
        layers = sum(whole[n] for n in self.numbers)
        seen: set[int] = set()
        for task in self._tasks:
            piece = task.piece
            if task.copy is not None:
                layers += piece.command.elementwise.word_count * self.config.beats
            if task.copy is not None or piece.whole in seen:
                layers += restart_cycles(self.config, piece.command)
            seen.add(piece.whole)
        moves, moved, edge = 0, 0, 0
        for band in self._striping.bands.values():
            layers += self._held_up(band, whole)
            if band.producer is None:
                edge += band.fresh[0].words
                moves += count
                moved += sum(span.words for span in band.fresh)
            elif band.buffer in chain.stored:
                edge += band.words
                moves += count
                moved += band.buffer.words
        constants = constant_bytes(self.config, chain.members)
        if chain.tables > 1:  # each comes for every stripe
            constants += (count - 1) * chain.tables * TABLE_BYTES
        held = 0 if count == 1 else constants - _prefetched(self.config)
        edge = move_cycles(self.config, 0, edge, max(0, held))
        return layers, move_cycles(self.config, moves, moved, constants), edge

    def _held_up(self, band: Band, whole: Sequence[int]) -> int:
        """Return the cycles in which a move keeps the next stripe from a band's only place."""
        count = self._striping.count
        if count == 1 or band.slots > 1:
            return 0
        if band.producer is None:
            words = sum(span.words for span in band.fresh)
            others = [n for n in self.numbers if n > band.consumers[-1]]
        elif band.buffer in self._chain.stored and not band.consumers:
            words = band.buffer.words
            first = min(self._chain.producers[(band.root or band).buffer])
            others = [n for n in self.numbers if n < first]
        else:
            return 0
        move = move_cycles(self.config, count, words, 0)
        return max(0, move - sum(whole[n] for n in others))


def _prefetched(config: Config) -> int:
    """Return the bytes of constants that come while the group before still needs its own."""
    return config.weight_words * config.columns * config.rows // 2

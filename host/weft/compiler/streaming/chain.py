"""Commands that go depth-first together: who among them writes and reads each buffer."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from weft_hw.contract.config import Config

from weft.compiler.descriptions import array_steps
from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.costs import constant_bytes, move_cycles, parameter_words
from weft.compiler.streaming.pieces import Uses, tile_words
from weft.compiler.streaming.rows import Motion

__all__ = ["Chain"]


class Chain:
    """Commands ``numbers`` of a run, which all move over rows.

    Attributes
    ----------
    motions : mapping
        How each of them moves.
    producers, consumers : mapping
        The numbers of those that write to a buffer, and of those that read it, in order.
    sinks : list of int
        Those whose results none that comes later reads.
    stored : set of Buffer
        What they write to DRAM.
    rows : mapping
        The words of a row of each buffer.
    tables : int
        How many they look up; there is room for one.
    tile : int
        The words of activation memory that a block of DRAM holds.
    memory_bound : bool
        Whether what comes from DRAM and goes there takes longer than the array's steps.
    """

    def __init__(
        self,
        config: Config,
        numbers: range,
        commands: Sequence[Command],
        motions: Mapping[int, Motion],
        residents: AbstractSet[Buffer],
        uses: Uses,
        rows: Mapping[Buffer, int],
        fixed: set[Buffer],
    ):
        self.config, self.numbers, self.commands = config, numbers, commands
        self.motions, self.residents, self.rows = motions, residents, rows
        self.tile = tile_words(config)
        self.producers: dict[Buffer, list[int]] = {}
        for n in numbers:
            if (target := commands[n].target) is not None:
                self.producers.setdefault(target[0], []).append(n)
        self.consumers: dict[Buffer, list[int]] = {}
        for n in motions:
            for buffer in dict.fromkeys(commands[n].reads):
                self.consumers.setdefault(buffer, []).append(n)
        self._readers = {
            n: [c for c in self.consumers.get(commands[n].written, []) if c > n] for n in motions
        }
        self.sinks = [n for n in motions if not self._readers[n]]
        inside = set(numbers)
        self.stored = {
            b
            for b in self.producers
            if b in fixed or not inside.issuperset(uses.readers.get(b, []))
        } - residents
        self.tables = len({c.table for c in self.members if c.table is not None})
        loaded = self.consumers.keys() - self.producers.keys() - residents
        words = sum(b.words for b in (*loaded, *self.stored))
        moves = move_cycles(config, 0, words, constant_bytes(config, self.members))
        self.memory_bound = moves > sum(array_steps(config, commands[n]) for n in motions)

    @classmethod
    def of(
        cls,
        config: Config,
        numbers: range,
        commands: Sequence[Command],
        motions: Sequence[Motion | None],
        residents: AbstractSet[Buffer],
        uses: Uses,
        rows: Mapping[Buffer, int],
        fixed: set[Buffer],
    ) -> "Chain | None":
        """Return commands ``numbers`` as a chain; None if they cannot go row by row."""
        found = {n: move for n in numbers if (move := motions[n]) is not None}
        if len(found) < len(numbers):
            return None
        written = [writer for n in numbers for writer in uses.beside(commands[n])]
        if min(written) < numbers.start or max(written) >= numbers.stop:
            return None
        return cls(config, numbers, commands, found, residents, uses, rows, fixed)

    @property
    def members(self) -> list[Command]:
        """The commands themselves."""
        return [self.commands[n] for n in self.numbers]

    def target(self, number: int) -> Buffer:
        """Return the buffer that a command writes to."""
        return self.commands[number].written

    def readers(self, number: int) -> list[int]:
        """Return the commands behind it that read what it writes to."""
        return self._readers[number]

    def constants_fit(self) -> bool:
        """Whether weights, parameters and window programs fit the chip, all at once."""
        weights = sum(len(c.weights) for c in self.members if c.weights is not None)
        parameters = sum(parameter_words(c) for c in self.members)
        entries = sum(len(c.entries) for c in self.members)
        return (
            weights <= self.config.weight_words
            and 1 + parameters <= self.config.parameter_words
            and entries <= self.config.window_count
        )

    def least(self) -> int:
        """Return words that it takes at least: one window's rows of what lasts between stripes."""
        needed: dict[Buffer, int] = {}
        for n, move in self.motions.items():
            for source in self.commands[n].reads:
                if source in self.residents or (
                    source in self.producers and not move.overlaps(source)
                ):
                    continue
                rows = move.fewest(source) * self.rows[source]
                needed[source] = max(needed.get(source, 0), rows)
        return sum(needed.values())

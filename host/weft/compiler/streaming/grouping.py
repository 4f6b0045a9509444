"""Which commands go depth-first together, and which buffers stay on the chip between groups."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.streaming.chain import Chain
from weft.compiler.streaming.costs import joint
from weft.compiler.streaming.fused import Fused
from weft.compiler.streaming.pieces import SHARING, Uses
from weft.compiler.streaming.rows import motion, row_words
from weft.compiler.streaming.single import Single
from weft.compiler.streaming.sliced import Sliced
from weft.compiler.streaming.stripe_counts import Cuts
from weft.compiler.timing.cycles import predict_cycles
from weft.errors import CapacityError

__all__ = ["Grouping", "Planner"]

Group = Single | Sliced | Fused

_LONGEST = 14  # commands in a group, when groups are sought
_MORE = 2  # finer stripes that may be wanted: with fewer words, the next group begins to load
_MANY = 400  # commands from which on each is a group of its own: searching takes too long


@dataclass(eq=False)
class Grouping:
    """Groups in order, the first word that each may use, and the buffers that stay on the chip."""

    groups: list[Group]
    bases: list[int]
    upper: list[bool]  # that lie at the upper end, which what comes first is next to
    residents: dict[Buffer, int]  # to their addresses
    cycles: int  # about

    def place(self) -> None:
        """Give the residents their addresses."""
        for buffer, base in self.residents.items():
            buffer.base = base


class Planner:
    """Finds groupings of a run's commands.

    Parameters
    ----------
    config : Config
        Whose activation memory groups and residents share.
    commands : sequence of Command
    fixed : set of Buffer
        Those that lie in DRAM in any case.
    begun : set of Buffer
        Those of them that hold results from before the run.

    Attributes
    ----------
    searches : bool
        Whether there are few enough commands to look for groups.
    """

    def __init__(
        self,
        config: Config,
        commands: Sequence[Command],
        fixed: set[Buffer],
        begun: Set[Buffer] = frozenset(),
    ):
        self.config, self.commands, self.fixed = config, commands, fixed
        self.uses = Uses(commands, begun)
        self._rows = row_words(config, commands)
        self._motions = [motion(config, command, self._rows) for command in commands]
        self.whole = predict_cycles(config, commands)
        buffers = dict.fromkeys((*self.uses.writers, *self.uses.readers))
        self.searches = len(commands) <= _MANY
        self._alive: list[list[Buffer]] = [[] for _ in commands]
        for buffer in buffers:
            for number in self.uses.life(buffer):
                self._alive[number].append(buffer)
        self._movable = [b for b in buffers if b not in fixed]
        self._known: dict[tuple, list[Group]] = {}
        self._cuts: dict[tuple, Cuts | None] = {}
        self._wanted: Mapping[range, int] = {}
        self._first_end, self._sharing = 0, SHARING[0]

    def grouping(self, largest: int) -> Grouping:
        """Return the best grouping if buffers of up to ``largest`` words stay on the chip.

        Which do is decided when the groups are known: what costs more than it saves does not. In a
        run of very many commands none does.

        Raises
        ------
        CapacityError
            If a piece of one row and one group of channels does not fit the chip.
        """
        if not self.searches:
            singles = [range(n, n + 1) for n in range(len(self.commands))]
            return self._place(singles, [self._single(part.start) for part in singles], set(), {})
        assumed = {b for b in self._movable if b.words <= largest}
        return self._settle(self._divide(assumed))

    def regroup(
        self, parts: Sequence[range], wanted: Mapping[range, int], first_end: int, sharing: int
    ) -> Grouping:
        """Return groups of ``parts``.

        ``wanted`` says which of its variants a part is to be, ``first_end`` whether the first one
        lies at the upper end, ``sharing`` how many slices share the weight memory.
        """
        self._wanted, self._first_end, self._sharing = wanted, first_end, sharing
        try:
            return self._settle(parts)
        finally:
            self._wanted, self._first_end, self._sharing = {}, 0, SHARING[0]

    def _arena(self, numbers: range, residents: set[Buffer]) -> int:
        alive = {buffer for number in numbers for buffer in self._alive[number]}
        return self.config.activation_words - sum(b.words for b in alive & residents)

    def _make(self, numbers: range, residents: set[Buffer], arena: int) -> Group | None:
        """Return the group of commands ``numbers`` that is wanted, or else the cheapest one."""
        made = self._variants(numbers, residents, arena)
        wanted = self._wanted.get(numbers, len(made))
        if wanted < len(made):
            return made[wanted]
        return min(made, key=self._cost, default=None)

    def _variants(self, numbers: range, residents: set[Buffer], arena: int) -> list[Group]:
        """Return the groups that commands ``numbers`` can be."""
        inside = self._inside(numbers, residents)
        more = _MORE if numbers in self._wanted else 0
        key = numbers.start, numbers.stop, inside, arena, more, self._sharing
        if key not in self._known:
            self._known[key] = self._all(numbers, residents, arena, more)
        return self._known[key]

    def _inside(self, numbers: range, residents: set[Buffer]) -> frozenset[Buffer]:
        """Return the residents that commands ``numbers`` touch."""
        return frozenset(b for n in numbers for b in _touched(self.commands[n]) if b in residents)

    def _cuts_of(self, numbers: range, residents: set[Buffer]) -> Cuts | None:
        """Return the ways to cut commands ``numbers`` into stripes; None if there are none."""
        inside = self._inside(numbers, residents)
        key = numbers.start, numbers.stop, inside, self._sharing
        if key not in self._cuts:
            chain = Chain.of(
                self.config,
                numbers,
                self.commands,
                self._motions,
                inside,
                self.uses,
                self._rows,
                self.fixed,
            )
            self._cuts[key] = None if chain is None else Cuts(chain, self._sharing)
        return self._cuts[key]

    def _all(self, numbers: range, residents: set[Buffer], arena: int, more: int) -> list[Group]:
        made: list[Group] = []
        if len(numbers) > 1:
            cuts = self._cuts_of(numbers, residents)
            with suppress(TooLarge):
                made += () if cuts is None else cuts.fitting(arena, more)
            return made
        number, command = numbers.start, self.commands[numbers.start]
        with suppress(TooLarge):
            made.append(
                Single(self.config, number, command, residents, self.uses, arena, self._sharing)
            )
        with suppress(TooLarge):
            if not made or len(made[0].pieces) > 1:
                sliced = Sliced.of(
                    self.config, number, command, residents, self.uses, arena, self._sharing
                )
                made += [] if sliced is None else [sliced]
        return made

    def _cost(self, group: Group) -> int:
        return joint(*group.cost(self.whole))

    def _divide(self, assumed: set[Buffer]) -> list[range]:
        """Return the cheapest way to cut the commands into groups."""
        count = len(self.commands)
        best: list[tuple[int, int]] = [(0, 0)] + [(1 << 60, 0)] * count  # cost, last group's start
        for start in range(count):
            for stop in range(start + 1, min(count, start + _LONGEST) + 1):
                numbers = range(start, stop)
                arena = self._arena(numbers, assumed)
                group = self._make(numbers, assumed, arena) if arena > 0 else None
                if group is None and stop == start + 1:
                    group = self._make(numbers, set(), self.config.activation_words)
                if group is None and stop > start + 2 and not self._incomplete(numbers):
                    break
                if group is None:
                    continue
                cost = best[start][0] + self._cost(group)
                if cost < best[stop][0]:
                    best[stop] = cost, start
        parts, stop = [], count
        while stop:
            start = best[stop][1]
            parts.append(range(start, stop))
            stop = start
        return parts[::-1]

    def _incomplete(self, numbers: range) -> bool:
        """Whether commands behind ``numbers`` write to what these write to."""
        return any(
            self.uses.beside(self.commands[n])[-1] >= numbers.stop
            for n in numbers
            if self.commands[n].target is not None
        )

    def _settle(self, parts: Sequence[range]) -> Grouping:
        """Return groups of ``parts``, with what pays to keep on the chip between them."""
        residents: set[Buffer] = set()
        groups = [self._make(p, residents, self.config.activation_words) for p in parts]
        parts = list(parts)
        for number in reversed(range(len(parts))):
            if groups[number] is None:  # only together with residents that were assumed
                part = parts[number]
                parts[number : number + 1] = [range(n, n + 1) for n in part]
                groups[number : number + 1] = [self._single(n) for n in part]
        settled = [group for group in groups if group is not None]
        lives = {b: self._life(b, parts) for b in self._movable}
        inner = {b for b, life in lives.items() if len(life) == 1 and len(parts[life[0]]) > 1}
        for buffer in sorted(lives, key=lambda b: (b.words * len(lives[b]), b.name)):
            life = lives[buffer]
            if buffer in inner or buffer.words > self.config.activation_words:
                continue
            more = residents | {buffer}
            tried = [self._make(parts[g], more, self._room(more, lives, g)) for g in life]
            made = [group for group in tried if group is not None]
            if len(made) < len(tried):
                continue
            if sum(self._cost(g) for g in made) < sum(self._cost(settled[g]) for g in life):
                residents = more
                for g, group in zip(life, made, strict=True):
                    settled[g] = group
        return self._place(parts, settled, residents, lives)

    def _single(self, number: int) -> Group:
        try:
            return Single(
                self.config,
                number,
                self.commands[number],
                set(),
                self.uses,
                self.config.activation_words,
                self._sharing,
            )
        except TooLarge as error:
            raise CapacityError(str(error)) from None

    def _life(self, buffer: Buffer, parts: Sequence[range]) -> range:
        life = self.uses.life(buffer)
        first = bisect_right(parts, life.start, key=lambda part: part.start) - 1
        last = bisect_right(parts, life.stop - 1, key=lambda part: part.start) - 1
        return range(first, last + 1)

    def _room(self, residents: set[Buffer], lives: dict[Buffer, range], group: int) -> int:
        held = sum(b.words for b in residents if group in lives[b])
        return self.config.activation_words - held

    def _place(
        self,
        parts: Sequence[range],
        groups: list[Group],
        residents: set[Buffer],
        lives: dict[Buffer, range],
    ) -> Grouping:
        """Give residents places; those that lie in the way of a group go to DRAM after all."""
        while True:
            held = [Lifetime(b, lives[b].start, lives[b].stop - 1) for b in residents]
            held.sort(key=lambda life: (life.first, life.buffer.name))
            place_buffers(self.config, (), held)
            tops = [0] * len(parts)
            for life in held:
                for n in range(life.first, life.last + 1):
                    tops[n] = max(tops[n], life.buffer.base + life.buffer.words)
            short: list[int] = []
            for n, group in enumerate(groups):
                if tops[n] + group.words > self.config.activation_words:
                    made = self._make(parts[n], residents, self.config.activation_words - tops[n])
                    if made is None:
                        short.append(n)
                    else:
                        groups[n] = made
            if not short:
                break
            worst = max(
                (b for b in residents if short[0] in lives[b]), key=lambda b: (b.words, b.name)
            )
            residents = residents - {worst}
            for n in lives[worst]:
                made = self._make(parts[n], residents, self._room(residents, lives, n))
                if made is None:  # though it had less room before
                    raise RuntimeError("a group does not fit into more room than it had")
                groups[n] = made
        cycles = sum(self._cost(group) for group in groups)
        # Groups use the lower and the upper end in turn, so that the next one need not wait.
        upper = [n % 2 != self._first_end for n in range(len(groups))]
        bases = [
            self.config.activation_words - group.words if at_end else top
            for group, top, at_end in zip(groups, tops, upper, strict=True)
        ]
        return Grouping(groups, bases, upper, {b: b.base for b in residents}, cycles)


def _touched(command: Command) -> list[Buffer]:
    return [*command.reads, *((command.target[0],) if command.target else ())]

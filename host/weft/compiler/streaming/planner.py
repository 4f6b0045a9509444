"""Compiles a network that does not fit the memories on the chip, for a board with DRAM."""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from weft_hw.contract.config import Config
from weft_hw.contract.config_rules import largest_memories
from weft_hw.contract.memory_map import Region

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.constants import Constant
from weft.compiler.streaming.dependencies import Dependencies
from weft.compiler.streaming.dram import Dram
from weft.compiler.streaming.grouping import Grouping, Planner
from weft.compiler.streaming.listing import Listing
from weft.compiler.streaming.pieces import Piece
from weft.compiler.streaming.ring import DescriptorRing
from weft.compiler.streaming.search import improved
from weft.compiler.streaming.serial import Layer, Transfer
from weft.compiler.streaming.writer import Writer, region_sizes

__all__ = ["LOOKS", "StreamedRun", "plan_run", "roomy"]

# Buffers of up to this part of activation memory are taken to stay on the chip, while groups are
# sought; the cycle model judges what comes of each.
_SHARES = (8, 4, 3, 1 << 20)
LOOKS = 30000  # pieces that are looked at, while small changes are tried
_MOST_TRIES = 250  # of these
_WORTH_A_LIST = 1.3  # times the least cost, beyond which a grouping is not looked at further


def roomy(config: Config) -> Config:
    """Return ``config`` with memories so large that every command can be lowered whole."""
    return replace(config, **largest_memories(config))


@dataclass(eq=False)
class StreamedRun:
    """The pieces of one run, and where what they touch lies."""

    grouping: Grouping
    pieces: list[Piece]
    constants: dict[Piece, list[Constant]]
    shadowed: set[Buffer]
    dram: Dram

    def program(self, config: Config) -> list[Layer | Transfer]:
        """Return layers and moves in plain order; what they touch has its place from now on."""
        self.grouping.place()
        writer = Writer(config, self.pieces, self.constants, self.dram.place)
        made = self.grouping
        for group, base, upper in zip(made.groups, made.bases, made.upper, strict=True):
            group.write(writer, base, self.shadowed, mirrored=upper)
        return writer.program

    def listing(
        self,
        config: Config,
        program: list[Layer | Transfer],
        ring: DescriptorRing | None = None,
        idle: int = 0,
    ) -> Listing:
        """Return the list of ``program``, which is this run's own."""
        sizes = region_sizes(config)
        sizes |= {Region.ACTIVATION: config.activation_words, Region.TABLE: 1}
        return Listing(config, program, Dependencies(sizes, self.dram.used), ring, idle)


def plan_run(
    config: Config,
    commands: Sequence[Command],
    fixed: set[Buffer],
    dram: Dram,
    *,
    begun: Set[Buffer] = frozenset(),
    shadows: bool = False,
) -> StreamedRun:
    """Return the pieces of a run of ``commands``; ``fixed`` buffers lie in DRAM.

    Those in ``begun`` hold results already, of earlier runs or the host's, which stay beside this
    run's. The last word of activation memory stays free. With ``shadows`` every buffer is copied to
    DRAM, for a debugger.

    Raises
    ------
    CapacityError
        If a piece of one row and one group of channels does not fit the chip.
    """
    room = replace(config, activation_words=config.activation_words - 1)
    planner = Planner(room, commands, fixed | _constant(commands), begun)
    shares = _SHARES if planner.searches else _SHARES[:1]
    tried = [planner.grouping(room.activation_words // share) for share in shares]
    least = min(grouping.cycles for grouping in tried)
    worth = [grouping for grouping in tried if grouping.cycles <= _WORTH_A_LIST * least]

    def listed(grouping: Grouping) -> Listing:
        trial = _run(config, grouping, Dram(config), shadows, planner)
        program = trial.program(config)
        fits = len(program) <= config.descriptor_count
        return trial.listing(config, program, None if fits else DescriptorRing(config, 0, 0))

    best = worth[0] if len(worth) == 1 else min(worth, key=lambda made: listed(made).worked)
    if planner.searches:
        pieces = sum(len(group.pieces) for group in best.groups)
        best = improved(planner, best, listed, min(LOOKS // pieces, _MOST_TRIES))
    for buffer in (*planner.uses.writers, *planner.uses.readers):
        if buffer in fixed:
            dram.place(buffer)
    return _run(config, best, dram, shadows, planner)


def _run(
    config: Config, grouping: Grouping, dram: Dram, shadows: bool, planner: Planner
) -> StreamedRun:
    pieces = [piece for group in grouping.groups for piece in group.pieces]
    constants = {piece: dram.constants(piece.of or piece.command) for piece in pieces}
    shadowed = set(planner.uses.writers) if shadows else set()
    return StreamedRun(grouping, pieces, constants, shadowed, dram)


def _constant(commands: Sequence[Command]) -> set[Buffer]:
    return {b for command in commands for b in command.reads if b.data is not None}

"""Compiles a network that does not fit the memories on the chip, for a board with DRAM."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.compiler.ir import Buffer, Command, TooLarge
from weft.compiler.streaming.constants import Constant
from weft.compiler.streaming.dram import Dram
from weft.compiler.streaming.items import Item
from weft.compiler.streaming.listing import Listing
from weft.compiler.streaming.pieces import Piece, Stripe, Uses, cut, stripes_of
from weft.compiler.streaming.residents import choose_residents
from weft.compiler.streaming.ring import DescriptorRing
from weft.errors import CapacityError

__all__ = ["StreamedRun", "plan_run", "roomy"]

_STRIPE_ROWS = 4  # rows of a stripe that residents leave room for


def roomy(config: Config) -> Config:
    """Return ``config`` with memories so large that every command can be lowered whole."""
    return replace(
        config,
        activation_words=1 << 15,
        weight_words=1 << 16,
        parameter_words=1 << 12,
        window_count=1 << 12,
        descriptor_count=256,
    )


@dataclass(eq=False)
class StreamedRun:
    """The pieces of one run, and where what they touch lies."""

    pieces: list[Piece]
    arenas: list[tuple[int, int]]
    constants: dict[Piece, list[Constant]]
    residents: set[Buffer]

    def items(
        self, config: Config, dram: Dram, ring: DescriptorRing | None, shadows: bool
    ) -> list[Item]:
        """Return the list; with ``shadows`` it copies residents to DRAM, for a debugger."""
        units = {Region.WEIGHT: config.columns, Region.PARAMETER: config.lanes, Region.WINDOW: 1}
        return Listing(
            config,
            self.pieces,
            dram.blocks,
            self.constants,
            self.arenas,
            units,
            _sizes(config),
            ring,
            self.residents if shadows else set(),
        ).items


def _sizes(config: Config) -> dict[Region, int]:
    return {
        Region.WEIGHT: config.weight_words,
        Region.PARAMETER: config.parameter_words,
        Region.WINDOW: config.window_count,
    }


def plan_run(
    config: Config,
    commands: Sequence[Command],
    fixed: set[Buffer],
    dram: Dram,
    *,
    shadows: bool = False,
) -> StreamedRun:
    """Return the pieces of a run of ``commands``; ``fixed`` buffers lie in DRAM.

    The last word of activation memory stays free.

    Raises
    ------
    CapacityError
        If a piece of one row and one group of channels does not fit the chip.
    """
    uses = Uses(commands)
    fixed = fixed | {b for b in (*uses.readers, *uses.writers) if b.data is not None}
    room = replace(config, activation_words=config.activation_words - 1)
    needed = [_needed(config, command) for command in commands]
    residents, arenas = choose_residents(room, commands, fixed, uses, needed)
    pieces = []
    for number, command in enumerate(commands):
        for stripe in _cut(config, number, command, residents, uses, arenas[number][1]):
            pieces += stripe.pieces
    for buffer in (*uses.writers, *uses.readers):
        if shadows or buffer not in residents:
            dram.place(buffer)
    constants = {piece: dram.constants(piece.command) for piece in pieces}
    return StreamedRun(pieces, [arenas[p.whole] for p in pieces], constants, residents)


def _needed(config: Config, command: Command) -> dict[Buffer, int]:
    """Return the words on the chip that stripes of each of its buffers take.

    Two stripes of a few rows each, so that one comes while the other is used. Fewer where the
    memory is too small for that.
    """
    height = command.fields.get("out_height", 1)
    result: dict[Buffer, int] = {}
    for rows, stripes in ((_STRIPE_ROWS, 2), (1, 2), (1, 1), (height, 1)):
        parts = stripes_of(config, command, set(), False, min(rows, height))
        if parts is None:
            continue
        result = {}
        for part in parts:
            for span in (*part.loads, *((part.store,) if part.store else ())):
                words = min(stripes, len(parts)) * span.words
                result[span.buffer] = max(result.get(span.buffer, 0), words)
        if sum(result.values()) < config.activation_words:
            break
    return result


def _cut(
    config: Config, number: int, command: Command, residents: set[Buffer], uses: Uses, arena: int
) -> list[Stripe]:
    weights, parameters = config.weight_words, config.parameter_words
    if len(command.entries) > config.window_count:
        raise CapacityError(f"its window program has {len(command.entries)} entries")
    error: TooLarge | None = None
    for share in (2, 1):
        try:
            return cut(
                config,
                number,
                command,
                residents,
                uses,
                room=arena // share,
                weight_words=weights // share,
                parameter_words=parameters // share,
            )
        except TooLarge as tried:
            error = tried
    raise CapacityError(str(error))

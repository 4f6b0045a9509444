"""Which buffers stay on the chip from their first use to their last."""

from collections.abc import Sequence

from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Command
from weft.compiler.planning.place import Lifetime, place_buffers
from weft.compiler.streaming.pieces import Uses

__all__ = ["choose_residents"]


def choose_residents(
    config: Config,
    commands: Sequence[Command],
    fixed: set[Buffer],
    uses: Uses,
    needed: Sequence[dict[Buffer, int]],
) -> tuple[set[Buffer], list[tuple[int, int]]]:
    """Return buffers that stay on the chip, placed, and the arena of each command.

    Parameters
    ----------
    fixed : set of Buffer
        Lie in DRAM in any case: the host writes or reads them.
    needed : sequence of dict
        For each command, the words on the chip that each of its buffers takes where it is not
        resident.
    """
    count = len(commands)
    held = [0] * count
    stays: set[Buffer] = set()

    def fits(buffer: Buffer) -> bool:
        for number in uses.life(buffer):
            rest = sum(
                words for b, words in needed[number].items() if b not in stays and b is not buffer
            )
            if held[number] + buffer.words + rest > config.activation_words:
                return False
        return True

    buffers = [b for b in {**uses.writers, **uses.readers} if b not in fixed and b.data is None]
    # Small and short-lived ones first: they save the most traffic for their room.
    for buffer in sorted(buffers, key=lambda b: b.words * len(uses.life(b))):
        if fits(buffer):
            stays.add(buffer)
            for number in uses.life(buffer):
                held[number] += buffer.words
    while True:
        lives = [Lifetime(b, uses.life(b).start, uses.life(b).stop - 1) for b in stays]
        lives.sort(key=lambda life: (life.first, life.buffer.name))
        place_buffers(config, (), lives)
        tops = [0] * count
        for life in lives:
            for number in range(life.first, life.last + 1):
                tops[number] = max(tops[number], life.buffer.base + life.buffer.words)
        short = [
            number
            for number in range(count)
            if config.activation_words - tops[number]
            < sum(words for b, words in needed[number].items() if b not in stays)
        ]
        worst = [b for b in stays if short and short[0] in uses.life(b)]
        if not worst:
            break
        # First fit left gaps: the largest of those that lie in the way goes to DRAM.
        stays.remove(max(worst, key=lambda b: (b.words, b.name)))
    return stays, [(top, config.activation_words - top) for top in tops]

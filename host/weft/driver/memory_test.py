"""The self-test of the memory beside the chip: its lines, and whether it is refreshed."""

import random

from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region

from weft.driver.board import BoardDriver
from weft.errors import LinkError

__all__ = ["REFRESH_SECONDS", "MemoryFault", "check_memory"]

REFRESH_SECONDS = 1.0
_FAILS = "the memory beside the chip fails its self-test"
_WORD_BITS = 16  # data lines
_PLACES = 64  # that are to keep their words


class MemoryFault(LinkError):
    """The memory beside the chip gives back something else than was written."""


def check_memory(board: BoardDriver, *, seconds: float = REFRESH_SECONDS) -> None:
    """Raise unless the memory beside the chip keeps what is written; what it held is lost.

    Data lines: each one alone at 1, and at 0. Address lines: a mark of its own at each power of
    two, for blocks and for the words in one. Refresh: places all over the memory after ``seconds``
    in which nobody touches them. Cells that keep their charge for longer are not found out.

    Raises
    ------
    MemoryFault
        With the line that does not follow, or the number of places that were lost.
    LinkError
        If the board, or the memory, does not answer.
    ValueError
        If the board has no such memory.
    """
    blocks = board.config.dram_bytes // DRAM_BLOCK_BYTES
    if not blocks:
        raise ValueError(f"{board.config.name} has no memory beside the chip")
    _check_data(board)
    _check_addresses(board, blocks)
    _check_refresh(board, blocks, seconds)


def _check_data(board: BoardDriver) -> None:
    # A block of one word over and over, so that nothing depends on address lines.
    count, wrong = DRAM_BLOCK_BYTES // 2, 0
    for line in range(_WORD_BITS):
        for word in (1 << line, 0xFFFF ^ 1 << line):
            board.write(Region.DRAM, 0, word.to_bytes(2, "little") * count)
            data = board.read(Region.DRAM, 0, 1)
            for at in range(0, len(data), 2):
                wrong |= word ^ int.from_bytes(data[at : at + 2], "little")
    lines = [line for line in range(_WORD_BITS) if wrong >> line & 1]
    if lines:
        numbers = ", ".join(map(str, lines))
        raise MemoryFault(f"{_FAILS}: data lines that do not follow: {numbers} of 0 to 15")


def _check_addresses(board: BoardDriver, blocks: int) -> None:
    places = [0, *(1 << bit for bit in range(blocks.bit_length() - 1))]
    rng = random.Random(1)
    marks = {place: rng.randbytes(DRAM_BLOCK_BYTES) for place in places}
    for place, mark in marks.items():
        board.write(Region.DRAM, place, mark)
    written = {mark: place for place, mark in marks.items()}
    for place, mark in marks.items():
        found = board.read(Region.DRAM, place, 1)
        if found != mark:
            what = f"what block {written[found]} got" if found in written else "something else"
            raise MemoryFault(f"{_FAILS}: block {place} holds {what}, so an address line is wrong")


def _check_refresh(board: BoardDriver, blocks: int, seconds: float) -> None:
    rng = random.Random(2)
    kept = {
        place: rng.randbytes(DRAM_BLOCK_BYTES)
        for place in range(0, blocks, max(1, blocks // _PLACES))
    }
    for place, data in kept.items():
        board.write(Region.DRAM, place, data)
    board.transport.pass_time(seconds)
    lost = [place for place, data in kept.items() if board.read(Region.DRAM, place, 1) != data]
    if lost:
        raise MemoryFault(
            f"{_FAILS}: {len(lost)} of {len(kept)} blocks "
            f"lost their words within {seconds:g} s, as if it were not refreshed"
        )

"""Boards: one file each, and this table. Importing it imports no platform and no Amaranth."""

from weft_hw.boards.board import Board
from weft_hw.boards.icebreaker import ICEBREAKER
from weft_hw.boards.icepi_zero import ICEPI_ZERO
from weft_hw.boards.ulx3s import ULX3S_12F, ULX3S_85F, ULX3S_85F_WIDE

__all__ = ["BOARDS", "Board", "clock_of", "get_board"]

BOARDS = {
    board.name: board for board in [ULX3S_85F, ULX3S_85F_WIDE, ULX3S_12F, ICEPI_ZERO, ICEBREAKER]
}


def get_board(name: str) -> Board:
    """Return the board called ``name``.

    Raises
    ------
    KeyError
        With one sentence that lists the choices.
    """
    if name not in BOARDS:
        raise KeyError(f"there is no board {name!r}; choose from {', '.join(BOARDS)}")
    return BOARDS[name]


def clock_of(config: str) -> int:
    """Return the clock, in Hz, of the board with the configuration of this name, or 0."""
    return next((board.clock_hz for board in BOARDS.values() if board.config == config), 0)

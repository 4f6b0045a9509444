"""Boards: one file each, and this table. Importing it imports no platform and no Amaranth."""

from weft_hw.boards.board import BITS_PER_BYTE, Board
from weft_hw.boards.colorlight_i5 import COLORLIGHT_I5
from weft_hw.boards.ecpix_5 import ECPIX_5_85F
from weft_hw.boards.icebreaker import ICEBREAKER
from weft_hw.boards.icepi_zero import ICEPI_ZERO
from weft_hw.boards.orangecrab import ORANGECRAB_85F
from weft_hw.boards.tang_nano_9k import TANG_NANO_9K
from weft_hw.boards.tang_nano_20k import TANG_NANO_20K
from weft_hw.boards.ulx3s import ULX3S_12F, ULX3S_45F, ULX3S_85F, ULX3S_85F_WIDE
from weft_hw.contract.spi import DEFAULT_SPI_HZ

__all__ = [
    "BITS_PER_BYTE",
    "BOARDS",
    "DEFAULT_BAUD",
    "Board",
    "baud_of",
    "board_of",
    "clock_of",
    "get_board",
    "spi_hz_of",
]

DEFAULT_BAUD = 3_000_000

BOARDS = {
    board.name: board
    for board in [
        ULX3S_85F,
        ULX3S_85F_WIDE,
        ECPIX_5_85F,
        ORANGECRAB_85F,
        ULX3S_45F,
        ULX3S_12F,
        ICEPI_ZERO,
        COLORLIGHT_I5,
        TANG_NANO_20K,
        TANG_NANO_9K,
        ICEBREAKER,
    ]
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


def board_of(config: str) -> Board | None:
    """Return the board with the configuration of this name, if there is one."""
    return next((board for board in BOARDS.values() if board.config == config), None)


def clock_of(config: str) -> int:
    """Return the clock, in Hz, of the board with the configuration of this name, or 0."""
    board = board_of(config)
    return board.clock_hz if board else 0


def baud_of(config: str) -> int:
    """Return the serial port's rate of the board with the configuration of this name.

    Without one, the rate that most boards have.
    """
    board = board_of(config)
    return board.baud if board else DEFAULT_BAUD


def spi_hz_of(config: str) -> int:
    """Return SPI's clock, in Hz, of the board with the configuration of this name.

    Without one, what the slowest board takes.
    """
    board = board_of(config)
    return board.spi_hz if board else DEFAULT_SPI_HZ

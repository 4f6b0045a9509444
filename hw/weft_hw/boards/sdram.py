"""The SDRAM of a board, or of a configuration that has no board of its own."""

from dataclasses import replace

from weft_hw.boards import BOARDS, Board, get_board
from weft_hw.contract.config import Config
from weft_hw.memory.sdram.chips import CHIPS, SdramChip, slowest

__all__ = ["sdram_beside", "sdram_of"]


def sdram_of(board: Board) -> SdramChip:
    """Return a chip that demands whatever any that the board may carry does."""
    return slowest(CHIPS[name] for name in board.sdram)


def sdram_beside(config: Config) -> tuple[SdramChip, int]:
    """Return the chip of a configuration's board and the clock of both, for simulation.

    A configuration without a board of its own has what the ULX3S 85F has. Where its memory is of
    another size, the chip has more or fewer rows, each refreshed as often.
    """
    board = next(
        (b for b in BOARDS.values() if b.config == config.name and b.sdram), get_board("ulx3s-85f")
    )
    chip = sdram_of(board)
    rows = chip.rows * config.dram_bytes // chip.memory_bytes
    chip = replace(chip, rows=rows, refresh_all=chip.refresh_all * rows / chip.rows)
    return chip, board.clock_hz

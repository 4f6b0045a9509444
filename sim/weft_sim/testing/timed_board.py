"""A simulated board with clocks of its own beside the core's: time passes, not cycles."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weft_sim.simulated_board import BoardLibrary

__all__ = ["TimedBoard"]


class TimedBoard(BoardLibrary):
    """A board in a shared library that tells its time, and what its lights show.

    Parameters
    ----------
    path, functions
        As for :class:`~weft_sim.simulated_board.BoardLibrary`.
    """

    def __init__(self, path: Path, functions: Mapping[str, Any]):
        common = {
            "board_now": (ctypes.c_double, []),
            "board_idle": (ctypes.c_int, []),
            "board_error": (ctypes.c_int, []),
        }
        super().__init__(path, common | dict(functions))

    @property
    def now(self) -> float:
        """Seconds simulated so far."""
        return self._call("board_now") / 1e9

    @property
    def idle(self) -> bool:
        """Whether the engine waits."""
        return bool(self._call("board_idle"))

    @property
    def error(self) -> bool:
        """Whether the design's error light is on."""
        return bool(self._call("board_error"))

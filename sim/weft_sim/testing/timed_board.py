"""A simulated board with clocks of its own beside the core's: time passes, not cycles."""

import ctypes
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint

from weft_sim.simulated_board import BoardLibrary, source
from weft_sim.verilate import build_library

__all__ = ["TimedBoard", "build_system"]


def build_system(
    config: Config,
    link: Callable[[], Any],
    key: str,
    harness: Path,
    progress: Callable[[str], None],
    *,
    stand_in: bool,
    clock_hz: int = 0,
    **buffers: int,
) -> Path:
    """Return the library of a :class:`~weft_hw.system.System` behind ``harness``.

    Parameters
    ----------
    config : Config
    link : callable
        Makes the link; ``key`` tells apart what it makes.
    harness, progress
        As for :func:`~weft_sim.verilate.build_library`.
    stand_in : bool
        As for :class:`~weft_sim.virtual_board.VirtualBoard`.
    clock_hz : int
        Of the core, where the host is to learn it.
    buffers : int
        As for :class:`~weft_hw.core.Core`.
    """

    def make():
        from weft_hw.system import System
        from weft_hw.tech.portable import Portable

        from weft_sim.memory_engine import MemoryEngine

        engine = MemoryEngine(config) if stand_in else None
        return System(config, Portable(), link(), clock_hz=clock_hz, engine=engine, **buffers)

    key = f"{key} {fingerprint(config):016x} {config!r} {clock_hz} {buffers}"
    if stand_in:
        key += source("memory_engine")
    return build_library(make, key, harness, progress)


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

"""The whole design, link included, as a shared library that advances in batches of cycles."""

import ctypes
from collections.abc import Callable
from pathlib import Path

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint

from weft_sim.verilate import build_library

__all__ = ["VirtualBoard"]

_HARNESS = Path(__file__).with_suffix(".cpp")
_OUT_BYTES = 1 << 16


def _load(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    board, size = ctypes.c_void_p, ctypes.c_int64
    for name, result, arguments in [
        ("board_open", board, []),
        ("board_close", None, [board]),
        ("board_cycles", ctypes.c_uint64, [board]),
        ("board_busy", ctypes.c_int, [board]),
        ("board_active", ctypes.c_int, [board]),
        ("board_exchange", size, [board, ctypes.c_char_p, size, ctypes.POINTER(size),
                                  ctypes.c_char_p, size, ctypes.c_uint64]),
    ]:  # fmt: skip
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class VirtualBoard:
    """A board made of software: bytes in, bytes out, one byte per cycle each way.

    Parameters
    ----------
    config : Config
    stand_in : bool, optional
        Put plain memories in the engine's place (:mod:`weft_sim.memory_engine`): for tests of
        the link, as it builds in seconds.
    watchdog_cycles : int, optional
        As for :class:`~weft_hw.core.Core`.
    progress : callable, optional
        Called with the name of each stage while the library is built.

    Raises
    ------
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(self, config: Config, *, stand_in: bool = False, watchdog_cycles: int = 1 << 27,
                 progress: Callable[[str], None] = lambda stage: None):  # fmt: skip
        def make():
            # Amaranth takes a while to import, and a cached library does without.
            from weft_hw.core import Core

            from weft_sim.memory_engine import MemoryEngine

            engine = MemoryEngine(config) if stand_in else None
            return Core(config, engine=engine, watchdog_cycles=watchdog_cycles)

        key = f"{fingerprint(config):016x} {config!r} {watchdog_cycles}"
        if stand_in:
            key += Path(__file__).with_name("memory_engine.py").read_text()
        self._library = _load(build_library(make, key, _HARNESS, progress))
        self._board = ctypes.c_void_p(self._library.board_open())
        self._out = ctypes.create_string_buffer(_OUT_BYTES)

    def exchange(self, data: bytes, budget: int) -> tuple[int, bytes]:
        """Advance until ``data`` was taken and an answer came, or nothing can come any more.

        Parameters
        ----------
        data : bytes
            Offered to the board, a byte per cycle.
        budget : int
            Cycles after which to return in any case.

        Returns
        -------
        taken : int
            Bytes of ``data`` that the board took.
        answer : bytes
            What the board sent meanwhile; at most 65,536 bytes at a time.
        """
        taken = ctypes.c_int64()
        count = self._library.board_exchange(
            self._board, data, len(data), ctypes.byref(taken), self._out, _OUT_BYTES, budget)
        return taken.value, ctypes.string_at(self._out, count)

    @property
    def cycles(self) -> int:
        """Clock cycles simulated so far."""
        return self._library.board_cycles(self._board)

    @property
    def busy(self) -> bool:
        """Whether the engine runs."""
        return bool(self._library.board_busy(self._board))

    @property
    def active(self) -> bool:
        """Whether anything goes on that could lead to an answer."""
        return bool(self._library.board_active(self._board))

    def close(self):
        """Free the board; further calls fail."""
        if self._board:
            self._library.board_close(self._board)
            self._board = None

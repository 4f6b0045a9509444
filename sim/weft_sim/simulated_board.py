"""A board that was compiled into a shared library, called in batches of cycles."""

import ctypes
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weft_hw.boards.sdram import sdram_beside
from weft_hw.contract.config import Config

__all__ = ["BoardLibrary", "SimulatedBoard", "source"]

_OUT_BYTES = 1 << 16
_BOARD, _SIZE = ctypes.c_void_p, ctypes.c_int64
_Signature = tuple[Any, Sequence[Any]]
_COMMON: Mapping[str, _Signature] = {
    "board_close": (None, []),
    "board_cycles": (ctypes.c_uint64, []),
}
_BYTES: Mapping[str, _Signature] = {
    "board_memory": (None, [ctypes.c_int, ctypes.c_uint64]),
    "board_break_memory": (None, [ctypes.c_int, ctypes.c_int, ctypes.c_uint64]),
    "board_wait": (None, [ctypes.c_uint64]),
    "board_exchange": (
        _SIZE,
        [ctypes.c_char_p, _SIZE, ctypes.POINTER(_SIZE), ctypes.c_char_p, _SIZE, ctypes.c_uint64],
    ),
}


def source(module: str) -> str:
    """Return the text of a module of ``weft_sim``: part of the key of a library that holds it."""
    return Path(__file__).with_name(f"{module}.py").read_text()


class BoardLibrary:
    """A board in a shared library, whose functions take the board first.

    Parameters
    ----------
    path : Path
        The library.
    functions : mapping
        Result and arguments, after the board, of each function that not every board has.
    """

    def __init__(self, path: Path, functions: Mapping[str, _Signature]):
        self._library = ctypes.CDLL(str(path))
        for name, (result, arguments) in {**_COMMON, **functions}.items():
            function = getattr(self._library, name)
            function.restype, function.argtypes = result, [_BOARD, *arguments]
        self._library.board_open.restype, self._library.board_open.argtypes = _BOARD, []
        self._board = self._library.board_open()

    def _call(self, name: str, *arguments: Any) -> Any:
        if self._board is None:
            raise ValueError("the simulated board was closed")
        return getattr(self._library, name)(self._board, *arguments)

    @property
    def cycles(self) -> int:
        """Clock cycles simulated so far."""
        return self._call("board_cycles")

    def close(self):
        """Free the board; further calls raise ``ValueError``."""
        if self._board is not None:
            self._call("board_close")
            self._board = None


class SimulatedBoard(BoardLibrary):
    """A board made of software: bytes in, bytes out, and a count of cycles.

    Parameters
    ----------
    path : Path
        The library.
    more : mapping
        Result and arguments, after the board, of its functions that not every board has.

    Attributes
    ----------
    seconds : float
        Wall-clock time spent on simulating ``cycles``.
    """

    def __init__(self, path: Path, more: Mapping[str, _Signature]):
        super().__init__(path, {**_BYTES, **more})
        self._out = ctypes.create_string_buffer(_OUT_BYTES)
        self.seconds = 0.0

    def exchange(self, data: bytes, budget: int) -> tuple[int, bytes]:
        """Advance until ``data`` was taken and an answer came, or nothing can come any more.

        Parameters
        ----------
        data : bytes
            Offered to the board as fast as it takes them.
        budget : int
            Cycles after which to return in any case.

        Returns
        -------
        taken : int
            Bytes of ``data`` that the board took.
        answer : bytes
            What the board sent meanwhile; at most 65,536 bytes at a time.
        """
        taken, start = _SIZE(), time.perf_counter()
        count = self._call(
            "board_exchange", data, len(data), ctypes.byref(taken), self._out, _OUT_BYTES, budget
        )
        self.seconds += time.perf_counter() - start
        return taken.value, ctypes.string_at(self._out, count)

    def wait(self, cycles: int) -> None:
        """Advance, with nothing on the link."""
        self._call("board_wait", cycles)

    def break_memory(self, *, data_high: int = 0, address_low: int = 0, retention: int = 0) -> None:
        """Put faults into the SDRAM: for tests of what finds them.

        Parameters
        ----------
        data_high, address_low : int
            Lines, as bits, that are always 1, or always 0.
        retention : int
            Cycles after which its rows, which are never refreshed, have lost their words; 0: they
            are refreshed.
        """
        self._call("board_break_memory", data_high, address_low, retention)

    def _size_memory(self, config: Config) -> None:
        """Give the board the SDRAM of its configuration."""
        chip, clock_hz = sdram_beside(config)
        self._call("board_memory", chip.rows, int(chip.refresh_all * clock_hz / 1e9))

"""The whole design, link included, as a shared library that advances in batches of cycles."""

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Region

from weft_sim.simulated_board import SimulatedBoard, source
from weft_sim.verilate import build_library
from weft_sim.wave_file import WaveFile

__all__ = ["VirtualBoard"]

_HARNESS = Path(__file__).with_suffix(".cpp")


class VirtualBoard(SimulatedBoard):
    """A board made of software: bytes in, bytes out, one byte per cycle each way.

    Parameters
    ----------
    config : Config
    stand_in : bool, optional
        Put plain memories in the engine's place (:mod:`weft_sim.memory_engine`): for tests of
        the link, as it builds in seconds.
    watchdog_cycles : int, optional
        As for :class:`~weft_hw.core.Core`.
    memory_stalls : int, optional
        Chance, of 16, that a word between the design and the memory beside it waits in a cycle.
    progress : callable, optional
        Called with the name of each stage while the library is built.
    waves : Path, optional
        A ``.fst`` or ``.vcd`` file for waveforms, which :attr:`traced` switches on and off. It
        appears when the board is closed.

    Attributes
    ----------
    loads : bool
        Whether :meth:`load` is there: without waveforms.

    Raises
    ------
    ValueError
        If a stand-in is to have memory beside the chip.
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(
        self,
        config: Config,
        *,
        stand_in: bool = False,
        watchdog_cycles: int = 1 << 27,
        memory_stalls: int = 0,
        progress: Callable[[str], None] = lambda stage: None,
        waves: Path | None = None,
    ):
        def make():
            # Amaranth takes a while to import, and a cached library does without.
            from weft_hw.core import Core

            from weft_sim.loadable import LoadableCore
            from weft_sim.memory_engine import MemoryEngine

            engine = MemoryEngine(config) if stand_in else None
            make_core = LoadableCore if self.loads else Core
            core = make_core(config, engine=engine, watchdog_cycles=watchdog_cycles)
            if not config.dram_bytes:
                return core
            from weft_sim.beside import Beside, controller_beside

            return Beside(core, controller_beside(config), memory_stalls)

        # Waveforms show the design as boards have it.
        self.loads = waves is None
        key = f"{fingerprint(config):016x} {config!r} {watchdog_cycles}"
        if self.loads:
            key += source("loadable")
        if config.dram_bytes:
            key += source("beside")
        if memory_stalls:
            key += f"{memory_stalls} " + source("stalling_port")
        if stand_in and config.dram_bytes:
            raise ValueError(f"{config.name} has memory beside the chip, the stand-in has none")
        if stand_in:
            key += source("memory_engine")
        more: dict[str, Any] = {
            "board_busy": (ctypes.c_int, []),
            "board_active": (ctypes.c_int, []),
        }
        if self.loads:
            more["board_load"] = (
                None,
                [
                    ctypes.c_int,
                    ctypes.c_uint32,
                    ctypes.c_char_p,
                    ctypes.c_int64,
                    ctypes.c_int,
                    ctypes.c_int,
                ],
            )
        if waves is not None:
            more |= {
                "board_trace_to": (None, [ctypes.c_char_p]),
                "board_trace": (None, [ctypes.c_int]),
            }
        library = build_library(make, key, _HARNESS, progress, waves.suffix if waves else "")
        super().__init__(library, more)
        if config.dram_bytes:
            self._size_memory(config)
        self._traced = self._has_waves = False
        self._waves = None
        if waves is not None:
            self._waves = WaveFile(waves)
            self._call("board_trace_to", os.fsencode(self._waves.name))
            try:
                self._waves.opened()
            except OSError:
                self._board = None  # never freed, as that would close the file
                raise

    def close(self):
        """Free the board; further calls raise ``ValueError``.

        Raises
        ------
        OSError
            If the waveforms could not be written.
        """
        super().close()
        waves, self._waves = self._waves, None
        if waves is None:
            return
        if self._has_waves:
            waves.close()
        else:  # a file without waves would take the place of one that has some
            waves.discard()

    @property
    def traced(self) -> bool:
        """Whether waveforms are written at this time; settable where there is a file for them."""
        return self._traced

    @traced.setter
    def traced(self, on: bool) -> None:
        self._call("board_trace", int(on))
        self._traced = on
        self._has_waves |= on

    def load(self, region: int, address: int, data: bytes, unit_bytes: int):
        """Write whole units past the link, from unit ``address`` on; the engine must be idle.

        For boards that have ``loads``. The link's label of what the memories hold stays.
        """
        start, units = time.perf_counter(), len(data) // unit_bytes
        # The lanes' memories take a unit no faster than the link brings one; weights do.
        gap = 0 if region == Region.WEIGHT else unit_bytes - 1
        self._call("board_load", region, address, data, units, unit_bytes, gap)
        self.seconds += time.perf_counter() - start

    @property
    def busy(self) -> bool:
        """Whether the engine runs."""
        return bool(self._call("board_busy"))

    @property
    def active(self) -> bool:
        """Whether anything goes on that could lead to an answer."""
        return bool(self._call("board_active"))

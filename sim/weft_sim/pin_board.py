"""The complete design behind the two pins of its serial port, bit by bit, on an imperfect line."""

import ctypes
from collections.abc import Callable
from pathlib import Path

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import fingerprint

from weft_sim.simulated_board import SimulatedBoard, source
from weft_sim.verilate import build_library

__all__ = ["HARNESS", "PinBoard"]

HARNESS = Path(__file__).with_suffix(".cpp")


class PinBoard(SimulatedBoard):
    """A :class:`~weft_hw.system.System` whose ``rx`` and ``tx`` carry bits, 8N1.

    Parameters
    ----------
    config : Config
    clock_hz, baud : int
        What the design is built for.
    stand_in, watchdog_cycles, progress
        As for :class:`~weft_sim.virtual_board.VirtualBoard`.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``.
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(
        self,
        config: Config,
        *,
        clock_hz: int,
        baud: int,
        stand_in: bool = False,
        watchdog_cycles: int = 1 << 27,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        def make():
            # Amaranth takes a while to import, and a cached library does without.
            from weft_hw.link.uart import Uart
            from weft_hw.system import System
            from weft_hw.tech.portable import Portable

            from weft_sim.beside import Beside, controller_beside
            from weft_sim.memory_engine import MemoryEngine

            engine = MemoryEngine(config) if stand_in else None
            controller = controller_beside(config) if config.dram_bytes else None
            system = System(
                config,
                Portable(),
                Uart(clock_hz=clock_hz, baud=baud),
                clock_hz=clock_hz,
                engine=engine,
                watchdog_cycles=watchdog_cycles,
                memory=controller,
            )
            return Beside(system, controller) if controller else system

        key = f"{fingerprint(config):016x} {config!r} {clock_hz} {baud} {watchdog_cycles}"
        if stand_in:
            key += source("memory_engine")
        if config.dram_bytes:
            key += source("beside")
        self._open(build_library(make, key, HARNESS, progress), clock_hz, baud)
        if config.dram_bytes:
            self._size_memory(config)

    def _open(self, library: Path, clock_hz: int, baud: int):
        super().__init__(
            library,
            {
                "board_error": (ctypes.c_int, []),
                "board_has_pads": (None, []),
                "board_rates": (None, [ctypes.c_double, ctypes.c_double]),
                "board_noise": (None, [ctypes.c_uint64, ctypes.c_double, ctypes.c_int]),
                "board_disturbances": (ctypes.c_uint64, []),
            },
        )
        self.clock_hz, self.baud = clock_hz, baud
        self.set_host(0.0)

    def set_host(self, error: float):
        """Let the host's rate be off by ``error``: 0.02 for 2 % too fast, both ways."""
        bit = self.clock_hz / self.baud / (1 + error)
        self._call("board_rates", bit, bit)

    def disturb(self, seed: int, interval: float, *, only_glitches: bool = False):
        """Disturb both lines from now on, about once in ``interval`` bits; 0 ends it.

        Glitches of up to 0.12 bits (or a cycle), levels inverted for 0.3 to 4.3 bits, which
        garble bytes and their stop bits, and breaks of 11 to 51 bits; the same for the same seed.
        """
        self._call("board_noise", seed, interval, only_glitches)

    @property
    def disturbances(self) -> int:
        """How often a line was disturbed so far."""
        return self._call("board_disturbances")

    @property
    def error(self) -> bool:
        """Whether the design's error light is on."""
        return bool(self._call("board_error"))

"""The complete design as an SPI device, and the device file of the host's side."""

import ctypes
from collections.abc import Callable, Sequence
from pathlib import Path

from weft_hw.contract.config import Config

from weft_sim.testing.timed_board import TimedBoard, build_system

__all__ = ["SpiBoard"]

_HARNESS = Path(__file__).with_suffix(".cpp")


class SpiBoard(TimedBoard):
    """A :class:`~weft_hw.system.System` behind SPI, with what the driver asks of ``spidev``.

    Parameters
    ----------
    config : Config
        Without memory beside the chip.
    stand_in : bool, optional
        As for :class:`~weft_sim.virtual_board.VirtualBoard`.
    clock_hz, spi_hz : float, optional
        Of the core and of the host.
    buffer_bytes : int, optional
        As for :class:`~weft_hw.core.Core`.
    progress : callable, optional
        Called with the name of each stage while the library is built.

    Raises
    ------
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(
        self,
        config: Config,
        *,
        stand_in: bool = False,
        clock_hz: float = 100e6,
        spi_hz: float = 100e6 / 6,
        buffer_bytes: int = 4096,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        def link():
            from weft_hw.link.spi import SpiDevice

            return SpiDevice()

        library = build_system(
            config,
            link,
            "SpiBoard",
            _HARNESS,
            progress,
            stand_in=stand_in,
            buffer_bytes=buffer_bytes,
        )
        number, real = ctypes.c_int, ctypes.c_double
        functions = {
            "board_clocks": (None, [real, real]),
            "board_noise": (None, [ctypes.c_uint64, real]),
            "board_faults": (ctypes.c_uint64, []),
            "board_driven": (number, []),
            "board_run": (None, [real]),
            "board_transfer": (None, [ctypes.c_char_p, ctypes.c_char_p, number, number]),
        }
        super().__init__(library, functions)
        self._call("board_clocks", clock_hz, spi_hz)
        self.mode = self.max_speed_hz = 0
        self.run(64 / clock_hz)

    def run(self, seconds: float):
        """Advance, with nothing on the link."""
        self._call("board_run", seconds * 1e9)

    def transfer(self, data: bytes, bits: int = -1) -> bytes:
        """Move bytes both ways while the board is selected, or only so many bits of them."""
        answer = ctypes.create_string_buffer(len(data))
        self._call("board_transfer", data, answer, len(data), bits)
        return answer.raw

    def xfer3(self, data: Sequence[int]) -> tuple[int, ...]:
        """Move bytes both ways, as ``spidev`` does."""
        return tuple(self.transfer(bytes(data)))

    def disturb(self, seed: int, interval: float):
        """Put faults on the lines from now on, about once in ``interval`` bits; 0 ends it.

        A bit is wrong either way, the clock has an edge too many or too few, or the board is not
        selected for a moment; the same for the same seed.
        """
        self._call("board_noise", seed, interval)

    @property
    def faults(self) -> int:
        """How many faults there were."""
        return self._call("board_faults")

    @property
    def driven(self) -> bool:
        """Whether the board drives the line of its answers."""
        return bool(self._call("board_driven"))

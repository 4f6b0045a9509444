"""The complete design behind D+ and D-, stepped level by level; packets in, packets out."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from weft_hw.contract.config import Config

from weft_sim.testing.timed_board import TimedBoard, build_system

__all__ = ["BIT_HZ", "UsbBoard"]

_FOLDER = Path(__file__).parent
BIT_HZ = 12_000_000
_LONGEST = 2048  # bytes of a packet that are taken
_SE0, _K = 0, 2
_Faults = {
    -1: "a wrong sync pattern",
    -2: "wrong bit stuffing",
    -3: "a wrong end",
    -4: "a part of a byte",
    -5: "no end",
    -6: "bytes where the transceiver drives the bus",
    -7: "no identifier",
    -8: "no STP behind a register's value",
}


class UsbBoard(TimedBoard):
    """A :class:`~weft_hw.system.System` behind a full-speed USB device.

    Parameters
    ----------
    config : Config
        Without memory beside the chip.
    stand_in : bool, optional
        As for :class:`~weft_sim.virtual_board.VirtualBoard`.
    clock_hz : int, optional
        Of the core.
    serial : str, optional
        Serial number of the device.
    host_error, device_error : float, optional
        How far the host's and the device's rates are off: 0.0025 for a quarter of a per cent.
    progress : callable, optional
        Called with the name of each stage while the library is built.

    Raises
    ------
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    harness, usb_hz = "full_speed.cpp", 48_000_000

    def __init__(
        self,
        config: Config,
        *,
        stand_in: bool = False,
        clock_hz: int = 100_000_000,
        serial: str = "7",
        host_error: float = 0.0,
        device_error: float = 0.0,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        library = build_system(
            config,
            lambda: self._link(clock_hz, product=f"Weft {config.name}", serial=serial),
            f"{type(self).__name__} {serial!r}",
            _FOLDER / self.harness,
            progress,
            clock_hz=clock_hz,
            stand_in=stand_in,
        )
        super().__init__(library, self._functions())
        self._out = ctypes.create_string_buffer(_LONGEST)
        self._call(
            "board_clocks", clock_hz, self.usb_hz * (1 + device_error), BIT_HZ * (1 + host_error)
        )

    @staticmethod
    def _functions() -> dict[str, Any]:
        """Return result and arguments of the library's functions."""
        number, real = ctypes.c_int, ctypes.c_double
        packet = ctypes.c_char_p, number
        return {
            "board_attached": (number, []),
            "board_suspended": (number, []),
            "board_clocks": (None, [real, real, real]),
            "board_drive": (None, [number, real]),
            "board_send": (None, [*packet, number, number]),
            "board_receive": (number, [*packet, real, ctypes.POINTER(real)]),
        }

    @staticmethod
    def _link(clock_hz: int, **names: str) -> Any:
        """Return what makes bytes of the bus."""
        from weft_hw.link.usb.full_speed import FullSpeedUsb

        return FullSpeedUsb(**names)

    @property
    def attached(self) -> bool:
        """Whether the resistor at D+ tells of a device."""
        return bool(self._call("board_attached"))

    @property
    def suspended(self) -> bool:
        """Whether the device takes the bus for asleep."""
        return bool(self._call("board_suspended"))

    def wait(self, seconds: float):
        """Let the bus be idle."""
        self._call("board_drive", 3, seconds * 1e9)

    def reset_bus(self, seconds: float):
        """Drive both lines low."""
        self._call("board_drive", _SE0, seconds * 1e9)

    def resume_bus(self, seconds: float):
        """Drive K, and the end of it, as a host does that wakes a device."""
        self._call("board_drive", _K, seconds * 1e9)
        self._call("board_drive", _SE0, 2 / BIT_HZ * 1e9)

    def send(self, packet: bytes, *, stuffed: int = 1, sync: int = 8):
        """Send a packet: its identifier, body and check.

        ``stuffed`` is what follows six ones: 0 nothing, 1 the zero that belongs there, 2 a one.
        ``sync`` is how many bits of the pattern before it arrive: hubs may swallow some.
        """
        self._call("board_send", packet, len(packet), stuffed, sync)

    def receive(self, timeout: float = 18.0) -> tuple[bytes, float]:
        """Return a packet that begins within so many bits, and the bits of silence before it.

        The packet is empty where none comes.

        Raises
        ------
        ValueError
            If the device breaks a rule of the line.
        """
        gap = ctypes.c_double()
        count = self._call("board_receive", self._out, _LONGEST, timeout, ctypes.byref(gap))
        if count < 0:
            raise ValueError(f"the device's packet has {_Faults[count]}")
        return self._out.raw[:count], gap.value

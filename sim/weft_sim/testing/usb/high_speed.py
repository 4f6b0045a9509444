"""The complete design behind a ULPI transceiver; packets in, packets out, at either speed."""

import ctypes
from typing import Any

from weft_hw.contract.config import Config

from weft_sim.testing.usb.full_speed import UsbBoard

__all__ = ["BIT_HZ", "UlpiBoard"]

BIT_HZ = 480_000_000


class UlpiBoard(UsbBoard):
    """A :class:`~weft_hw.system.System` behind a ULPI transceiver and its high-speed bus.

    ``send(..., stuffed=0)`` has the transceiver find a wrong bit halfway and say so.
    """

    harness, usb_hz = "high_speed.cpp", 60_000_000

    def __init__(self, config: Config, **options: Any):
        super().__init__(config, **options)
        self._clock_hz = options.get("clock_hz", 100_000_000)

    @staticmethod
    def _functions() -> dict[str, Any]:
        more = {name: (ctypes.c_int, []) for name in ("board_chirping", "board_high_speed")}
        return UsbBoard._functions() | more

    @staticmethod
    def _link(clock_hz: int, **names: str) -> Any:
        from weft_hw.link.usb.high_speed import HighSpeedUsb

        return HighSpeedUsb(clock_hz=clock_hz, **names)

    def choose_speed(self, bit_hz: float):
        """Let the host speak with so many bits a second."""
        self._call("board_clocks", self._clock_hz, self.usb_hz, bit_hz)

    @property
    def chirping(self) -> bool:
        """Whether the device tells the host that it knows high speed."""
        return bool(self._call("board_chirping"))

    @property
    def high_speed(self) -> bool:
        """Whether the device has set its transceiver to high speed."""
        return bool(self._call("board_high_speed"))

    def drive_bus(self, level: int, seconds: float):
        """Drive a level: 0 both lines low, 1 J, 2 K."""
        self._call("board_drive", level, seconds * 1e9)

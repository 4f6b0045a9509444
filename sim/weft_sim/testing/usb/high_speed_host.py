"""A USB host that speaks high speed with a device that can (USB 2.0, 7.1.7)."""

from dataclasses import dataclass

from weft_sim.testing.usb.high_speed import UlpiBoard
from weft_sim.testing.usb.host import BulkPipe, UsbHost
from weft_sim.testing.usb.transactions import FULL_SPEED, HIGH_SPEED, Speed

__all__ = ["HighSpeedHost"]


@dataclass
class HighSpeedHost(UsbHost):
    """Learns from the device's chirp whether it can (7.1.7.5).

    Parameters
    ----------
    board : UlpiBoard
    chirps : bool
        Whether it answers the device's chirp; an old hub does not.
    """

    board: UlpiBoard  # pyright: ignore[reportIncompatibleVariableOverride]
    chirps: bool = True

    def reset(self, seconds: float = 0.01):
        """Reset the bus, and learn what the device can."""
        board, began = self.board, self.board.now
        self._choose(FULL_SPEED)

        def hold(chirping: bool) -> bool:
            while board.chirping == chirping and board.now < began + 0.011:
                board.drive_bus(0, 20e-6)
            return board.chirping != chirping

        answers = hold(False) and hold(True) and self.chirps
        if answers:
            for level in (2, 1) * 5:
                board.drive_bus(level, 50e-6)
            board.drive_bus(0, 200e-6)
            self._choose(HIGH_SPEED)
        else:
            board.drive_bus(0, max(began + seconds - board.now, 0))
            board.wait(50e-6)
        self._frame_start = board.now
        packet = 512 if answers else 64
        self.address, self.out = 0, BulkPipe(packet_bytes=packet)
        self.into = BulkPipe(packet_bytes=packet)

    def resume(self):
        """Wake the device, which goes on at the speed that it had (7.1.7.7)."""
        self._choose(FULL_SPEED)
        self.board.drive_bus(2, 0.001)
        self.board.drive_bus(0, 100e-6)
        self._choose(HIGH_SPEED)
        self._frame_start = self.board.now

    def _choose(self, speed: Speed):
        self._speed = speed
        self.board.choose_speed(speed.bit_hz)

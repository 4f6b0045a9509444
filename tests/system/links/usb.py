"""A board on the simulated bus, and the driver's transport over it, in simulated time."""

from stand_in_usb import BusPipe, Device, Usb1
from weft.driver.transports.usb import UsbTransport
from weft_hw.contract.config import Config
from weft_sim.testing.usb.full_speed import UsbBoard
from weft_sim.testing.usb.high_speed import UlpiBoard
from weft_sim.testing.usb.high_speed_host import HighSpeedHost
from weft_sim.testing.usb.host import UsbHost

__all__ = ["Simulated", "drive", "plug_in", "plug_in_fast"]


class Simulated(UsbTransport):
    """The driver's transport, whose seconds are the bus's."""

    def now(self):
        return self._usb.devices[0].peer.host.board.now


def plug_in(config: Config, **options) -> UsbHost:
    """Return a host that has enumerated the device, after a shorter reset than a computer's."""
    host = UsbHost(UsbBoard(config, **options))
    host.board.wait(0.001)
    assert host.board.attached
    host.enumerate(reset=0.001)
    return host


def plug_in_fast(config: Config, **options) -> HighSpeedHost:
    """Return the same at high speed."""
    host = HighSpeedHost(UlpiBoard(config, **options))
    host.board.wait(0.0012)
    assert host.board.attached
    host.enumerate()
    return host


def drive(host: UsbHost) -> tuple[Simulated, Device]:
    """Return a transport over the simulated bus, and the device as libusb sees it."""
    device = Device(BusPipe(host))
    device.speed = Usb1.SPEED_HIGH if isinstance(host, HighSpeedHost) else Usb1.SPEED_FULL
    return Simulated(0x1209, 1, library=Usb1([device])), device

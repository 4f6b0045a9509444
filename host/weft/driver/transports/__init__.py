"""One module per way to reach a board; each is imported only when it is asked for."""

from collections.abc import Callable
from typing import Any

from weft_hw.boards import baud_of, spi_hz_of
from weft_hw.contract.config import Config

from weft.driver.transports.base import Transport
from weft.errors import LinkError

__all__ = ["Transport", "open_transport", "require_board"]


def require_board(device: str) -> None:
    """Raise :class:`LinkError` for ``golden``, which is no board."""
    if device == "golden":
        raise LinkError("golden is no board, and needs none: sim simulates one")


def open_transport(
    device: str,
    config: Config,
    *,
    progress: Callable[[str], None] = lambda stage: None,
    **options: Any,
) -> Transport:
    """Return the transport that ``device`` names.

    Parameters
    ----------
    device : str
        ``sim``, ``tcp:HOST:PORT``, ``serial:PATH[?baud=N]``, ``usb:VID:PID[:SERIAL]``,
        ``udp:HOST`` or ``spi:PATH[?hz=N]``.
    config : Config
        What ``sim`` simulates, and whose board a serial port, or SPI, has the rate of.
    progress : callable, optional
        Called with the name of each stage of long work.
    options
        For the transport.

    Raises
    ------
    LinkError
        If there is no such device, or it does not open.
    """
    if "\0" in device:
        raise LinkError(f"no device is called {device!r}")
    require_board(device)
    kind, _, where = device.partition(":")
    if device == "sim":
        from weft.driver.transports.sim import SimTransport

        options = {"past_link": True, **options}
        return SimTransport(config, progress=progress, **options)
    if kind == "tcp":
        from weft.driver.transports.tcp import TcpTransport

        return TcpTransport.from_address(where, **options)
    if kind == "serial":
        from weft.driver.transports.serial import SerialTransport

        return SerialTransport.from_name(where, **{"baud": baud_of(config.name), **options})
    if kind == "usb":
        from weft.driver.transports.usb import UsbTransport

        return UsbTransport.from_name(where, **options)
    if kind == "udp":
        from weft.driver.transports.udp import UdpTransport

        return UdpTransport.from_name(where, **options)
    if kind == "spi":
        from weft.driver.transports.spi import SpiTransport

        return SpiTransport.from_name(where, **{"hz": spi_hz_of(config.name), **options})
    raise LinkError(
        f"there is no device {device!r}; choose from golden, sim, tcp:HOST:PORT, "
        "serial:PATH?baud=N, usb:VID:PID:SERIAL, udp:HOST and spi:PATH?hz=N"
    )

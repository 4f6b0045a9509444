"""A board on a serial port."""

import errno
import os
from contextlib import suppress
from urllib.parse import parse_qs

from weft_hw.boards import BITS_PER_BYTE, DEFAULT_BAUD

from weft.driver.lock import DeviceLock
from weft.driver.transports.base import Transport
from weft.errors import LinkError
from weft.forks import tell_of_forks
from weft.udev import rule_command

__all__ = ["SerialTransport"]

_WRITE_SECONDS = 10.0


class SerialTransport(Transport):
    """A serial port, 8N1, without flow control: the protocol's credit does without.

    Parameters
    ----------
    path : str
        Device file, or a port's name as pyserial knows it.
    baud : int

    Raises
    ------
    LinkError
        If it does not open, or another process has it.
    """

    silence = ": it holds another bitstream, or has another rate; weft devices asks"

    def __init__(self, path: str, *, baud: int = DEFAULT_BAUD):
        try:
            import serial
        except ImportError:
            raise LinkError("serial ports need pyserial: pip install pyserial") from None
        self._errors = (serial.SerialException, OSError)
        self._path = path
        self._lock = DeviceLock(os.path.realpath(path))
        try:
            # Exclusive: the lock holds among one user's processes, this among all users'.
            self._port = serial.Serial(
                path,
                baud,
                write_timeout=_WRITE_SECONDS,
                exclusive=True if os.name == "posix" else None,
            )
            # FTDI's adapters otherwise keep short replies for 16 ms, more than the credit lasts.
            with suppress(ValueError, AttributeError):  # other ports, other systems
                self._port.set_low_latency_mode(True)
        except (*self._errors, ValueError) as error:
            self._lock.release()
            raise LinkError(_why(path, error)) from None
        self.process = os.getpid()
        tell_of_forks(self)
        self.bytes_per_second = baud / BITS_PER_BYTE

    @classmethod
    def from_name(cls, name: str, *, baud: int = DEFAULT_BAUD) -> "SerialTransport":
        """Open ``PATH`` at ``baud``, or ``PATH?baud=N``."""
        path, _, query = name.partition("?")
        options = parse_qs(query, keep_blank_values=True)
        bauds = options.pop("baud", [str(baud)])
        if options or not path or not bauds[-1].isdecimal() or int(bauds[-1]) == 0:
            raise LinkError(f"serial: takes PATH or PATH?baud=N, not {name!r}")
        return cls(path, baud=int(bauds[-1]))

    def write(self, data: bytes):
        """Send ``data``."""
        try:
            self._port.write(data)
        except self._errors as error:
            raise LinkError(f"{self._path} is gone: {error}") from None

    def read(self, limit: int, timeout: float) -> bytes:
        """Return what came, waiting at most ``timeout`` seconds for the first byte."""
        try:
            self._port.timeout = timeout
            data = self._port.read(1)
            if data and (more := min(self._port.in_waiting, limit - 1)):
                data += self._port.read(more)
        except self._errors as error:
            raise LinkError(f"{self._path} is gone: {error}") from None
        return data

    def in_fork(self):
        """Close the copy, which would keep the port from others."""
        self._port.close()

    def close(self):
        """Close the port."""
        self._port.close()
        self._lock.release()


def _why(path: str, error: Exception) -> str:
    """Return the sentence for a port that does not open."""
    match getattr(error, "errno", None):
        case errno.ENOENT:
            return f"cannot open {path}: nothing is plugged in there; weft devices lists the ports"
        case errno.EACCES:
            from serial.tools import list_ports

            usb = next(
                (
                    f"{port.vid:04x}:{port.pid:04x}"
                    for port in list_ports.comports()
                    if port.device == path and port.vid is not None
                ),
                "",
            )
            command = rule_command(usb) if usb else ""
            return f"cannot open {path}: no permission" + (f"; {command}" if command else "")
    return f"cannot open {path}: {error}"

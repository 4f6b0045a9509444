"""A board on this computer's SPI: a Raspberry Pi whose header is wired to the board's."""

import importlib
import os
from typing import Any
from urllib.parse import parse_qs

from weft_hw.contract.spi import DEFAULT_SPI_HZ

from weft.driver.lock import DeviceLock
from weft.driver.transports.base import Transport
from weft.errors import LinkError

__all__ = ["SpiTransport"]

_LONGEST_BYTES = 4096  # of what may be a reply: a line that nobody drives has no zeros
_LEAST_ASKED, _MOST_ASKED = 32, 256  # bytes at a time: what is asked too much costs its time


class SpiTransport(Transport):
    """The board as an SPI device, mode 0. It answers while it is sent to, or zeros are.

    Parameters
    ----------
    path : str
        Device file of Linux, as ``/dev/spidev0.0``.
    hz : int
        Of its clock: at most what the board takes; Linux takes the next lower one that it makes.
    device : spidev.SpiDev, optional
        Opened already; or what stands in for it.

    Raises
    ------
    LinkError
        If it does not open, or another process has it.
    """

    kind = "spi"
    silence = ": it holds another bitstream, is wired otherwise, or its clock is slower; try ?hz="

    def __init__(self, path: str, *, hz: int = DEFAULT_SPI_HZ, device: Any = None):
        self._path, self._came, self._unfinished = path, b"", b""
        self._lock = DeviceLock(os.path.realpath(path))
        try:
            self._device = device or _opened(path)
            self._device.mode = 0
            self._device.max_speed_hz = hz
        except OSError as error:
            self._lock.release()
            raise LinkError(_why(path, error)) from None
        except LinkError:
            self._lock.release()
            raise
        self.process = os.getpid()
        self.bytes_per_second = hz / 8

    @classmethod
    def from_name(cls, name: str, *, hz: int = DEFAULT_SPI_HZ, **options: Any) -> "SpiTransport":
        """Open ``PATH`` with a clock of ``hz``, or ``PATH?hz=N``."""
        path, _, query = name.partition("?")
        asked = parse_qs(query, keep_blank_values=True)
        rates = asked.pop("hz", [str(hz)])
        if asked or not path or not rates[-1].isdecimal() or int(rates[-1]) == 0:
            raise LinkError(f"spi: takes PATH or PATH?hz=N, not {name!r}")
        return cls(path, hz=int(rates[-1]), **options)

    def write(self, data: bytes):
        """Send ``data``; what the board says meanwhile is kept for :meth:`read`."""
        try:
            answer = bytes(self._device.xfer3(data))
        except OSError as error:
            raise LinkError(f"{self._path} is gone: {error}") from None
        # Between frames come zeros, of which one ends each frame and the others say nothing.
        *frames, rest = (self._unfinished + answer).split(b"\0")
        self._unfinished = rest[-_LONGEST_BYTES:]
        self._came += b"".join(frame + b"\0" for frame in frames if frame)

    def read(self, limit: int, timeout: float) -> bytes:
        """Return whole frames, or parts of them, asking for at most ``timeout`` seconds."""
        deadline = self.now() + timeout
        while not self._came:
            # Of a reply that has begun as much again: how long it will be is not known.
            size = min(max(_LEAST_ASKED, len(self._unfinished)), _MOST_ASKED)
            self.write(bytes(size))
            if not self._came and self.now() >= deadline:
                return b""
        data, self._came = self._came[:limit], self._came[limit:]
        return data

    def close(self):
        """Close the device file."""
        self._device.close()
        self._lock.release()


def _opened(path: str) -> Any:
    try:
        spidev: Any = importlib.import_module("spidev")
    except ImportError:
        raise LinkError("SPI needs spidev, on Linux: pip install 'weft-fpga[spi]'") from None
    device = spidev.SpiDev()
    device.open_path(path)
    return device


def _why(path: str, error: OSError) -> str:
    """Return the sentence for a device file that does not open."""
    if isinstance(error, FileNotFoundError):
        return (
            f"cannot open {path}: there is no such device file; on a Raspberry Pi "
            "dtparam=spi=on in config.txt makes /dev/spidev0.0"
        )
    if isinstance(error, PermissionError):
        return f"cannot open {path}: no permission; sudo usermod -aG spi $USER, then log in anew"
    return f"cannot open {path}: {error.strerror or error}"

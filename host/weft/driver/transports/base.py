"""The interface of a byte stream, as the driver uses it."""

import os
import time
from abc import ABC, abstractmethod

from weft_hw.contract.memory_map import Region

from weft.errors import LinkError

__all__ = ["Transport"]


class Transport(ABC):
    """A stream of bytes to a board and back, in order, possibly damaged.

    Attributes
    ----------
    bytes_per_second : float or None
        Rate of the link, if it is slow enough to matter to deadlines.
    kind : str
        What carries it where a board is real: ``"uart"``, ``"usb"``, ``"udp"`` or ``"spi"``.
    silence : str
        What it may mean that nothing answers at all; the end of a sentence.
    process : int or None
        Which one opened the link; None before.
    """

    bytes_per_second: float | None = None
    kind: str = "uart"
    silence: str = ""
    process: int | None = None

    def check_process(self):
        """Raise :class:`LinkError` in a process that was forked from the one that opened this.

        Two processes on one stream take each other's replies for their own.
        """
        if self.process not in (None, os.getpid()):
            raise LinkError(
                f"the device was opened by process {self.process}; a process forked "
                "from it opens a session of its own"
            )

    @abstractmethod
    def write(self, data: bytes):
        """Send ``data``, all of it.

        Raises
        ------
        LinkError
            If the link is gone, or takes nothing for seconds.
        """

    @abstractmethod
    def read(self, limit: int, timeout: float) -> bytes:
        """Return from 1 to ``limit`` bytes, or none if none came within ``timeout`` seconds.

        Raises
        ------
        LinkError
            If the link is gone.
        """

    @abstractmethod
    def close(self):
        """Give the link back; may be called twice."""

    def simulated(self) -> tuple[int, float]:
        """Return the cycles simulated and the seconds that took; zeros for real boards."""
        return 0, 0.0

    def pass_time(self, seconds: float):
        """Say nothing for so many seconds, as :meth:`now` counts them."""
        time.sleep(seconds)

    @property
    def loads(self) -> bool:
        """Whether :meth:`load` is there: only where the board is a simulation in this process."""
        return False

    def load(self, region: Region, address: int, data: bytes, unit_bytes: int):
        """Write whole units of an idle board's memory without the link."""
        raise NotImplementedError

    def now(self) -> float:
        """Return the seconds that deadlines are measured in."""
        return time.monotonic()

"""What the driver asks of a byte stream, whatever carries it."""

import time
from abc import ABC, abstractmethod

__all__ = ["BITS_PER_BYTE", "Transport"]

BITS_PER_BYTE = 10  # on a serial line, 8N1


class Transport(ABC):
    """A stream of bytes to a board and back, in order, possibly damaged.

    Attributes
    ----------
    bytes_per_second : float or None
        Rate of the link, if it is slow enough to matter to deadlines.
    """

    bytes_per_second: float | None = None

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

    def now(self) -> float:
        """Return the seconds that deadlines are measured in."""
        return time.monotonic()

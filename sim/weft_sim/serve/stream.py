"""Bytes to and from one client."""

import time
from collections.abc import Callable

__all__ = ["Stream"]

_SEND_SECONDS = 0.5  # in which a client takes what the board answers


class Stream:
    """A file descriptor that never blocks, with what waits to be sent."""

    def __init__(self, read: Callable[[int], bytes], write: Callable[[bytes], int], handle: int):
        self._read, self._write, self.handle = read, write, handle
        self.outgoing = b""
        self._due = 0.0

    def receive(self, room: int) -> bytes | None:
        """Return what came, up to ``room`` bytes; None if the other side has gone."""
        try:
            return self._read(room) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    def send(self, data: bytes) -> bool:
        """Send what waits, then ``data``; return False if it waits for too long."""
        now = time.monotonic()
        if not self.outgoing:
            self._due = now + _SEND_SECONDS
        self.outgoing += data
        while self.outgoing:
            try:
                sent = self._write(self.outgoing)
            except BlockingIOError:
                return now < self._due
            except OSError:
                return False
            self.outgoing = self.outgoing[sent:]
            self._due = now + _SEND_SECONDS
        return True

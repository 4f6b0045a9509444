"""A host that learns late what came: USB serial adapters hand bytes on once a millisecond."""

from collections import deque

from weft.driver.transports.base import Transport

__all__ = ["LateTransport"]


class LateTransport(Transport):
    """Hand bytes from ``inner`` on after ``latency`` seconds; what is sent goes at once."""

    def __init__(self, inner: Transport, latency: float):
        self.inner, self.latency = inner, latency
        self.bytes_per_second = inner.bytes_per_second
        self._came: deque[tuple[float, bytes]] = deque()

    def write(self, data: bytes):
        self.inner.write(data)

    def read(self, limit: int, timeout: float) -> bytes:
        deadline = self.now() + timeout
        while True:
            if self._came and self._came[0][0] <= self.now():
                return self._came.popleft()[1]
            due = min(deadline, self._came[0][0]) if self._came else deadline
            if data := self.inner.read(limit, max(0.0, due - self.now())):
                self._came.append((self.now() + self.latency, data))
            elif not self._came or self.now() >= deadline:
                return b""

    def close(self):
        self.inner.close()

    def now(self) -> float:
        return self.inner.now()

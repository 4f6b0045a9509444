"""Whole frames over a transport: sealed and encoded one way, found and checked the other."""

from collections import deque
from dataclasses import dataclass

from weft_hw.contract.packet import HEADER_BYTES, open_frame, seal_frame

from weft.driver import cobs
from weft.driver.transports.base import Transport

__all__ = ["Frames", "LinkStatistics"]

_READ_BYTES = 1 << 16


@dataclass
class LinkStatistics:
    """Counts of a link: bytes each way, requests sent again, frames that came damaged."""

    bytes_to_board: int = 0
    bytes_from_board: int = 0
    seconds: float = 0.0
    retries: int = 0
    damaged: int = 0


class Frames:
    """Send and receive the contents of frames; what comes damaged is counted and dropped.

    Parameters
    ----------
    transport : Transport
    statistics : LinkStatistics
        Bytes and damaged frames are counted there.
    """

    def __init__(self, transport: Transport, statistics: LinkStatistics):
        self._transport, self._statistics = transport, statistics
        self._received = bytearray()
        self._whole: deque[bytes] = deque()

    def send(self, contents: list[bytes]):
        """Send a frame for each of ``contents``, in one block."""
        data = b"".join(cobs.encode(seal_frame(content)) + b"\0" for content in contents)
        self._statistics.bytes_to_board += len(data)
        self._transport.write(data)

    def receive(self, timeout: float) -> bytes | None:
        """Return the content of the next whole frame, or None if none comes in time."""
        now = self._transport.now
        deadline = now() + timeout
        while not self._whole:
            data = self._transport.read(_READ_BYTES, max(0.0, deadline - now()))
            if not data:
                return None
            self._statistics.bytes_from_board += len(data)
            self._received += data
            *whole, rest = self._received.split(b"\0")
            self._received = bytearray(rest)
            for raw in filter(None, whole):
                content = open_frame(cobs.decode(bytes(raw)) or b"")
                if content is None or len(content) <= HEADER_BYTES:
                    self._statistics.damaged += 1
                else:
                    self._whole.append(content)
            if not self._whole and now() >= deadline:
                return None
        return self._whole.popleft()

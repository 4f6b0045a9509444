"""A board on Ethernet: whole frames of the protocol in numbered UDP datagrams."""

import os
import secrets
import socket
from typing import Any

from weft_hw.contract.ethernet import (
    DATAGRAM_BYTES,
    ETHERNET_BYTES_PER_SECOND,
    NUMBER_BYTES,
    PORT,
)

from weft.driver.lock import DeviceLock
from weft.driver.transports.base import Transport
from weft.errors import LinkError
from weft.forks import tell_of_forks

__all__ = ["UdpTransport"]

_CONTENT_BYTES = DATAGRAM_BYTES - NUMBER_BYTES
_NUMBERS = 1 << 8 * NUMBER_BYTES


class UdpTransport(Transport):
    """A board's UDP port (``docs/protocol.md``, "Datagrams").

    Parameters
    ----------
    host : str
        Name or IPv4 address of the board.
    port : int, optional
    connected : socket, optional
        A connected UDP socket, or what stands in for it.

    Raises
    ------
    LinkError
        If there is no such host, or another process of this machine has the board.
    """

    kind = "udp"
    silence = (
        ": it is off, has another address, holds another bitstream, or serves another host; "
        "ping asks whether it is there"
    )

    def __init__(self, host: str, port: int = PORT, *, connected: Any = None):
        self._name = f"udp:{host}" + (f":{port}" if port != PORT else "")
        self._number = secrets.randbelow(_NUMBERS)  # of the last datagram that was sent
        self._newest = self._number  # that a datagram of the board answered
        self._unfinished, self._left = b"", b""
        self._lock: DeviceLock | None = None
        if connected is None:
            try:
                address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
            except (OSError, UnicodeError) as error:
                reason = getattr(error, "strerror", None) or error
                raise LinkError(f"cannot find {self._name}: {reason}") from None
            self._lock = DeviceLock(f"udp:{address[0]}:{address[1]}")
            connected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                connected.connect(address)
            except OSError as error:
                connected.close()
                self._lock.release()
                raise LinkError(f"cannot reach {self._name}: {error.strerror}") from None
        self._socket = connected
        self.process = os.getpid()
        tell_of_forks(self)
        self.bytes_per_second = ETHERNET_BYTES_PER_SECOND

    @classmethod
    def from_name(cls, name: str, **options: Any) -> "UdpTransport":
        """Open ``HOST`` or ``HOST:PORT``."""
        host, colon, port = name.partition(":")
        if not host or (colon and not (port.isdecimal() and 0 < int(port) <= 0xFFFF)):
            raise LinkError(f"udp: takes HOST or HOST:PORT, not {name!r}")
        return cls(host, int(port) if colon else PORT, **options)

    def write(self, data: bytes):
        """Send the frames in ``data``, as many in each datagram as it holds.

        A frame without its zero is kept until that comes. One that fits no datagram is none that
        a board would take, and is left out.
        """
        *frames, self._unfinished = (self._unfinished + data).split(b"\0")
        content = b""
        for frame in frames:
            if not 0 < len(frame) < _CONTENT_BYTES:
                continue
            if len(content) + len(frame) >= _CONTENT_BYTES:
                self._send(content)
                content = b""
            content += frame + b"\0"
        if content:
            self._send(content)

    def _send(self, content: bytes):
        self._number = (self._number + 1) % _NUMBERS
        try:
            self._socket.send(self._number.to_bytes(NUMBER_BYTES, "big") + content)
        except OSError as error:
            raise LinkError(f"cannot reach {self._name}: {error.strerror or error}") from None

    def read(self, limit: int, timeout: float) -> bytes:
        """Return the frames of a datagram, waiting at most ``timeout`` seconds.

        Datagrams that the network doubled, or brings late, are left out.
        """
        deadline = self.now() + timeout
        while not self._left:
            try:
                # 0 would mean "do not block", which reports an empty socket as an error.
                self._socket.settimeout(max(deadline - self.now(), 1e-6))
                data = self._socket.recv(DATAGRAM_BYTES)
            except (TimeoutError, BlockingIOError):
                return b""
            except OSError as error:
                raise LinkError(f"cannot reach {self._name}: {error.strerror or error}") from None
            number = int.from_bytes(data[:NUMBER_BYTES], "big")
            ahead = (number - self._newest) % _NUMBERS
            if ahead <= (self._number - self._newest) % _NUMBERS:
                self._newest, self._left = number, data[NUMBER_BYTES:]
            elif self.now() >= deadline:
                return b""
        data, self._left = self._left[:limit], self._left[limit:]
        return data

    def in_fork(self):
        """Close the copy, which would keep the port."""
        self._socket.close()

    def close(self):
        """Close the socket."""
        self._socket.close()
        if self._lock is not None:
            self._lock.release()

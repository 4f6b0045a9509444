"""A board behind a TCP socket: served by ``weft serve-sim``, or by whatever stands beside it."""

import os
import socket
from ipaddress import ip_address

from weft.driver.lock import DeviceLock
from weft.driver.transports.base import Transport
from weft.errors import LinkError
from weft.forks import tell_of_forks

__all__ = ["TcpTransport"]

_WRITE_SECONDS = 10.0
_FIRST_BYTES = 100
_REFUSAL = b"weft: "


class TcpTransport(Transport):
    """Parameters: the host's name and port; seconds to wait for the connection.

    Raises
    ------
    LinkError
        If nobody listens there, or another process of this machine has the board.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 5.0):
        self._name = f"{host}:{port}"
        # Before connecting: not every server spares the client that it has.
        self._lock = DeviceLock(_common_name(host, port))
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except (OSError, UnicodeError) as error:  # the latter for names that no host can have
            self._lock.release()
            reason = getattr(error, "strerror", None) or error
            raise LinkError(f"cannot connect to {self._name}: {reason}") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.process = os.getpid()
        tell_of_forks(self)
        self._first = b""  # what came first: a server that refuses says why

    @classmethod
    def from_address(cls, address: str, **options) -> "TcpTransport":
        """Open ``HOST:PORT``; an IPv6 host may stand in brackets."""
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 0xFFFF:
            raise LinkError(f"tcp: takes HOST:PORT, not {address!r}")
        return cls(host.strip("[]"), int(port), **options)

    def write(self, data: bytes):
        """Send ``data``."""
        try:
            self._socket.settimeout(_WRITE_SECONDS)
            self._socket.sendall(data)
        except OSError as error:
            raise LinkError(f"{self._name} takes no more: {error}") from None

    def read(self, limit: int, timeout: float) -> bytes:
        """Return what came, waiting at most ``timeout`` seconds."""
        try:
            # 0 would mean "do not block", which reports an empty socket as an error.
            self._socket.settimeout(max(timeout, 1e-6))
            data = self._socket.recv(limit)
        except (TimeoutError, BlockingIOError):
            return b""
        except OSError as error:
            raise LinkError(f"{self._name} is gone: {error}") from None
        if not data:
            if self._first.startswith(_REFUSAL):
                reason = self._first.removeprefix(_REFUSAL).decode(errors="replace").strip()
                raise LinkError(f"{self._name} refuses: {reason}")
            raise LinkError(f"{self._name} has closed the connection")
        if len(self._first) < _FIRST_BYTES:
            self._first += data[:_FIRST_BYTES]
        return data

    def in_fork(self):
        """Close the copy, or the connection lasts as long as it."""
        self._socket.close()

    def close(self):
        """Close the connection."""
        self._socket.close()
        self._lock.release()


def _common_name(host: str, port: int) -> str:
    """Return what all names of a host on this machine have in common, for the lock."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return f"tcp:{host}:{port}"  # connecting will say why
    addresses = sorted(str(entry[4][0]) for entry in found)
    local = any(ip_address(address.partition("%")[0]).is_loopback for address in addresses)
    return f"tcp:{'localhost' if local else addresses[0]}:{port}"

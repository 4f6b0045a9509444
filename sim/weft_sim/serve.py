"""The virtual board for other processes: behind a TCP port, or as a device file."""

import os
import select
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress

from weft_sim.tools import ToolError
from weft_sim.virtual_board import VirtualBoard

__all__ = ["BUSY", "serve_pty", "serve_tcp"]

BUSY = b"weft: this board serves another client already\n"
_SLICE_CYCLES = 20_000  # between two looks at what has come
_BYTES = 1 << 16


class _Client(ABC):
    """Whoever is connected, or may connect."""

    @abstractmethod
    def receive(self, timeout: float | None) -> bytes:
        """Return what came within ``timeout`` seconds (None: as long as it takes)."""

    @abstractmethod
    def send(self, data: bytes):
        """Send ``data``; drop it if nobody is there."""


def _serve(board: VirtualBoard, client: _Client):
    """Pass bytes both ways until interrupted; simulate only while something goes on."""
    pending = b""
    while True:
        at_work = bool(pending) or board.active
        pending += client.receive(0.0 if at_work else None)
        taken, answer = board.exchange(pending, _SLICE_CYCLES)
        pending = pending[taken:]
        if answer:
            client.send(answer)


class _TcpClient(_Client):
    def __init__(self, listener: socket.socket):
        self._listener, self._client = listener, None

    def receive(self, timeout: float | None) -> bytes:
        watched = [self._listener, *([self._client] if self._client else [])]
        ready = select.select(watched, [], [], timeout)[0]
        # All that the client sent, and whether it left, before another one is judged.
        data = self._drain() if self._client in ready else b""
        if self._listener in ready:
            self._accept()
        return data

    def _drain(self) -> bytes:
        data = b""
        while self._client is not None and len(data) < _BYTES:
            if not select.select([self._client], [], [], 0)[0]:
                break
            try:
                more = self._client.recv(_BYTES)
            except OSError:
                more = b""
            if not more:
                self._client.close()
                self._client = None
            data += more
        return data

    def _accept(self):
        client, _ = self._listener.accept()
        if self._client is None:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.settimeout(10.0)
            self._client = client
            return
        # Take what the other one says first, or the sentence is lost with the connection.
        with client, suppress(OSError):
            client.settimeout(0.2)
            client.sendall(BUSY)
            client.shutdown(socket.SHUT_WR)
            while client.recv(_BYTES):
                pass

    def send(self, data: bytes):
        if self._client is not None:
            with suppress(OSError):
                self._client.sendall(data)


class _PtyClient(_Client):
    def __init__(self, master: int):
        self._master = master
        self._poll = select.poll()
        self._poll.register(master, select.POLLIN)

    def receive(self, timeout: float | None) -> bytes:
        if not self._poll.poll(None if timeout is None else 1000 * timeout):
            return b""
        with suppress(OSError):
            return os.read(self._master, _BYTES)
        return b""

    def send(self, data: bytes):
        while data:
            # A reader who went away must not stop the board: what he leaves is lost.
            if not select.select([], [self._master], [], 1.0)[1]:
                return
            data = data[os.write(self._master, data) :]


def serve_tcp(board: VirtualBoard, port: int, *, host: str = "127.0.0.1",
              announce: Callable[[str], None] = print):  # fmt: skip
    """Serve ``board`` to one client at a time until interrupted; others get a sentence.

    Parameters
    ----------
    board : VirtualBoard
    port : int
        0 for any that is free.
    host : str, optional
        Loopback by default: there is no authentication.
    announce : callable, optional
        Called with the name of the device, ``tcp:HOST:PORT``, once it can be opened.

    Raises
    ------
    ToolError
        If the port is taken.
    """
    try:
        listener = socket.create_server((host, port))
    except (OSError, OverflowError) as error:
        raise ToolError(f"cannot listen on {host}:{port}: {error}") from None
    with listener:
        announce(f"tcp:{host}:{listener.getsockname()[1]}")
        _serve(board, _TcpClient(listener))


def serve_pty(board: VirtualBoard, *, announce: Callable[[str], None] = print):
    """Serve ``board`` as a device file, ``serial:PATH``, until interrupted.

    Raises
    ------
    ToolError
        If this system has no pseudo-terminals.
    """
    try:
        import pty
        import tty
    except ImportError:
        raise ToolError("this system has no pseudo-terminals; serve a TCP port instead") from None
    master, slave = pty.openpty()
    try:
        # Raw, and kept open, so that the device outlives those who open it.
        tty.setraw(slave)
        announce(f"serial:{os.ttyname(slave)}")
        _serve(board, _PtyClient(master))
    finally:
        os.close(master)
        os.close(slave)

"""The virtual board behind a TCP port: who gets it, and what becomes of the others."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from weft_sim.serve.server import QUEUE_BYTES, Server
from weft_sim.serve.stream import Stream
from weft_sim.tools import ToolError
from weft_sim.virtual_board import VirtualBoard

__all__ = ["BUSY", "serve_tcp"]

BUSY = b"weft: this board serves another client already\n"
_PROOF_SECONDS = 0.1  # in which a client gets its first answer, or makes room for the next
_LEAVE_SECONDS = 0.5  # in which a refused client takes the sentence that says so
_OTHERS = 64  # that wait, and that leave, at a time
_TURN_SECONDS = 0.01  # between two of the others, while a client has the board


class TcpServer(Server):
    """One client at a time; others get a sentence.

    The client that speaks first gets the board. It keeps the board once that has answered it; until
    then it makes room, after a while, for the next client that speaks.

    While the board is somebody's, others are seen one by one, a hundred in a second. More wait in
    the kernel, which costs the board nothing.
    """

    def __init__(self, board: VirtualBoard, listener: socket.socket):
        super().__init__(board)
        listener.setblocking(False)
        self._listener = listener
        self._client: socket.socket | None = None
        self._proven, self._since = False, 0.0
        self._turn = 0.0  # when another one is seen, once the board is somebody's
        self._waiting: list[socket.socket] = []  # while the board is nobody's
        self._leaving: dict[socket.socket, float] = {}

    def _timeout(self) -> float | None:
        now, moments = time.monotonic(), list(self._leaving.values())
        if self._proven and now < self._turn:
            moments = [self._turn]
        elif self._client is not None and self._waiting:
            moments.append(self._since + _PROOF_SECONDS)
        left = [max(0.0, moment - now) for moment in moments]
        timeout = super()._timeout()
        return min([*left, *([] if timeout is None else [timeout])], default=None)

    def _watched(self) -> list[int]:
        found = super()._watched()
        if time.monotonic() < self._turn if self._proven else self._at_work:
            return found
        found.append(self._listener.fileno())
        if not self._proven:
            others = [*self._leaving, *(self._waiting if self._client is None else ())]
            found += [client.fileno() for client in others]
        return found

    def _take(self):
        super()._take()
        begin = time.monotonic()
        if self._proven:
            if begin >= self._turn and self._see_one(begin):
                self._turn = begin + _TURN_SECONDS
            return
        for client, due in list(self._leaving.items()):
            if begin >= due or client.fileno() in self._ready:
                self._see_off(client, due)
        # Those who are there already; then it is the board's turn.
        for _ in range(_OTHERS):
            if not self._accept():
                break
        if self._waiting:
            self._choose()
        while len(self._waiting) > _OTHERS:
            self._refuse(self._waiting.pop(0))

    def _see_one(self, now: float) -> bool:
        """Refuse one of the others, or see one off; whether there was one."""
        first = next(iter(self._leaving.items()), None)
        if first is not None and now >= first[1]:
            self._see_off(*first)
        elif self._waiting or (self._listener.fileno() in self._ready and self._accept()):
            self._refuse(self._waiting.pop())
        else:
            return False
        return True

    def _accept(self) -> bool:
        """Take one of those who wait in the kernel; whether there was one."""
        try:
            client, _ = self._listener.accept()
        except OSError:
            return False
        client.setblocking(False)
        self._waiting.append(client)
        return True

    def _choose(self):
        """Give the board to one who has spoken, unless another one may still prove theirs."""
        if self._client is not None and time.monotonic() < self._since + _PROOF_SECONDS:
            return
        client = next(filter(_has_spoken, self._waiting), None)
        if client is None:
            return
        if self._client is not None:
            self._drop()
        self._waiting.remove(client)
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client, self._since = client, time.monotonic()
        self._stream = Stream(client.recv, client.send, client.fileno())

    def _refuse(self, client: socket.socket):
        with suppress(OSError):
            client.send(BUSY)
            client.shutdown(socket.SHUT_WR)
        # What the other one says is taken first, or the sentence is lost with the connection.
        if len(self._leaving) >= _OTHERS:
            self._see_off(next(iter(self._leaving)), 0.0)
        self._leaving[client] = time.monotonic() + _LEAVE_SECONDS

    def _see_off(self, client: socket.socket, due: float):
        try:
            gone = not client.recv(QUEUE_BYTES)
        except BlockingIOError:
            gone = False
        except OSError:
            gone = True
        if gone or time.monotonic() >= due:
            del self._leaving[client]
            client.close()

    def _answer(self, data: bytes):
        self._proven = self._proven or bool(data)
        super()._answer(data)

    def _drop(self):
        if self._client is not None:
            self._client.close()
        self._client, self._proven = None, False
        super()._drop()


def _has_spoken(client: socket.socket) -> bool:
    """Whether something came from ``client``, or it has gone."""
    try:
        client.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def serve_tcp(
    board: VirtualBoard,
    port: int,
    *,
    host: str = "127.0.0.1",
    announce: Callable[[str], None] = print,
):
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
        listener = socket.create_server((host, port), backlog=256)
    except (OSError, OverflowError) as error:
        raise ToolError(f"cannot listen on {host}:{port}: {error}") from None
    with listener:
        announce(f"tcp:{host}:{listener.getsockname()[1]}")
        TcpServer(board, listener).run()

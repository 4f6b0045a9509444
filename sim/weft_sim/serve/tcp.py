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
_OTHERS = 64  # that wait, and that leave, at a time; more go without the sentence
_TURN_SECONDS = 0.02  # between two looks at others while the board works for a client
_TURN_OTHERS = 16  # whom a look takes in, at most, while a client has the board


class TcpServer(Server):
    """One client at a time; others get a sentence.

    Whoever speaks first gets the board. It is theirs once the board has answered them; until then
    they make room, after a while, for the next one who speaks.
    """

    def __init__(self, board: VirtualBoard, listener: socket.socket):
        super().__init__(board)
        listener.setblocking(False)
        self._listener = listener
        self._client: socket.socket | None = None
        self._proven, self._since = False, 0.0
        self._turn = 0.0  # when others are looked at next
        self._waiting: list[socket.socket] = []  # while the board is nobody's
        self._leaving: dict[socket.socket, float] = {}

    def _timeout(self) -> float | None:
        moments = list(self._leaving.values())
        if self._client is not None and self._waiting:
            moments.append(self._since + _PROOF_SECONDS)
        left = [max(0.0, moment - time.monotonic()) for moment in moments]
        timeout = super()._timeout()
        return min([*left, *([] if timeout is None else [timeout])], default=None)

    def _watched(self) -> list[int]:
        if self._at_work:
            return super()._watched()
        others = [*self._leaving, *(self._waiting if self._client is None else ())]
        return [*super()._watched(), self._listener.fileno(), *(c.fileno() for c in others)]

    def _take(self):
        super()._take()
        now = time.monotonic()
        if self._proven and self._at_work:  # others take a small part of the time, if many come
            if now < self._turn:
                return
            self._turn = now + _TURN_SECONDS
        for client, due in list(self._leaving.items()):
            if now >= due or client.fileno() in self._ready:
                self._see_off(client, due)
        # Those who are there already; then it is the board's turn.
        for _ in range(_TURN_OTHERS if self._proven else _OTHERS):
            try:
                client, _ = self._listener.accept()
            except OSError:
                break
            client.setblocking(False)
            self._waiting.append(client)
        if self._proven:
            while self._waiting:
                self._refuse(self._waiting.pop())
        elif self._waiting:
            self._choose()
        while len(self._waiting) > _OTHERS:
            self._refuse(self._waiting.pop(0))

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
            client.close()
        else:
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

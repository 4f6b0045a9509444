"""The virtual board for other processes: behind a TCP port, or as a device file.

Nobody can make the server wait: sockets never block, queues have a limit, and whoever keeps
neither is dropped.
"""

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from weft_sim.tools import ToolError
from weft_sim.virtual_board import VirtualBoard

__all__ = ["BUSY", "serve_pty", "serve_tcp"]

BUSY = b"weft: this board serves another client already\n"
_SLICE_CYCLES = 5_000  # between two looks at what has come
_QUEUE_BYTES = 1 << 13  # to the board, and what a refused client may say at once
_SEND_SECONDS = 0.5  # in which a client takes what the board answers
_PROOF_SECONDS = 0.1  # in which a client gets its first answer, or makes room for the next
_LEAVE_SECONDS = 0.5  # in which a refused client takes the sentence that says so
_DRAIN_SECONDS = 0.2  # that the answers to a client who left may take
_OTHERS = 64  # that wait, and that leave, at a time; more go without the sentence
_TURN_SECONDS = 0.02  # between two looks at others while the board works for a client
_TURN_OTHERS = 16  # whom a look takes in, at most, while a client has the board


class _Stream:
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


class _Server:
    """Passes bytes between the board and whoever has it; simulates only while something goes on.

    Parameters
    ----------
    board : VirtualBoard
    """

    def __init__(self, board: VirtualBoard):
        self._board = board
        self._stream: _Stream | None = None
        self._pending = b""  # to the board
        self._spoke = False  # whether the board took a byte of this client
        self._ready: set[int] = set()  # handles that the last look found to have something

    def run(self):
        """Serve until interrupted."""
        while True:
            self._wait(self._timeout())
            self._take()
            if self._stream is not None and self._stream.outgoing:
                self._answer(b"")
            if self._stream is None or self._stream.outgoing:
                continue  # the board stands still until its answer is taken
            if self._pending or self._board.active:
                taken, answer = self._board.exchange(self._pending, _SLICE_CYCLES)
                self._pending = self._pending[taken:]
                self._spoke = self._spoke or taken > 0
                if answer and self._spoke:
                    self._answer(answer)

    def _timeout(self) -> float | None:
        if self._stream is not None and self._stream.outgoing:
            return 0.05
        return 0.0 if self._at_work else None

    @property
    def _at_work(self) -> bool:
        """Whether the board does something for a client, or has something to do."""
        return self._stream is not None and bool(self._pending or self._board.active)

    def _wait(self, timeout: float | None):
        """Wait for something to read; for room to write, too, where an answer waits."""
        poll = select.poll()
        for handle in self._watched():
            poll.register(handle, select.POLLIN)
        if self._stream is not None and self._stream.outgoing:
            poll.register(self._stream.handle, select.POLLOUT)
        found = poll.poll(None if timeout is None else 1000 * timeout)
        self._ready = {handle for handle, _ in found}

    def _watched(self) -> list[int]:
        """Return what to read from: nothing more while the queue to the board is full."""
        wanted = self._stream is not None and len(self._pending) < _QUEUE_BYTES
        return [self._stream.handle] if self._stream is not None and wanted else []

    def _take(self):
        """Queue what has come; see whether the client has left before another one is judged."""
        while self._stream is not None and len(self._pending) < _QUEUE_BYTES:
            data = self._stream.receive(_QUEUE_BYTES - len(self._pending))
            if data is None:
                self._drop()
            elif data:
                self._pending += data
            else:
                break

    def _answer(self, data: bytes):
        if self._stream is not None and not self._stream.send(data):
            self._drop()

    def _drop(self):
        """Forget the client, and what the board would still have told it."""
        self._stream, self._pending, self._spoke = None, b"", False
        end, ending = time.monotonic() + _DRAIN_SECONDS, b"\0"  # ends a frame that was cut off
        while time.monotonic() < end and (ending or self._board.active):
            taken, _ = self._board.exchange(ending, _SLICE_CYCLES)
            ending = ending[taken:]


class _TcpServer(_Server):
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
        self._stream = _Stream(client.recv, client.send, client.fileno())

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
            gone = not client.recv(_QUEUE_BYTES)
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


class _PtyServer(_Server):
    """A device file, which outlives those who open it."""

    def __init__(self, board: VirtualBoard, master: int):
        super().__init__(board)
        os.set_blocking(master, False)
        self._master = master
        self._open()

    def _open(self):
        self._stream = _Stream(
            lambda room: os.read(self._master, room),
            lambda data: os.write(self._master, data),
            self._master,
        )

    def _drop(self):
        # A reader who went away must not stop the board: what he leaves is lost.
        super()._drop()
        self._open()


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
        _TcpServer(board, listener).run()


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
        _PtyServer(board, master).run()
    finally:
        os.close(master)
        os.close(slave)

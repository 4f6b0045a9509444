"""Passes bytes between the board and one client."""

import select
import time

from weft_sim.serve.stream import Stream
from weft_sim.virtual_board import VirtualBoard

__all__ = ["QUEUE_BYTES", "Server"]

QUEUE_BYTES = 1 << 13  # to the board, and what a refused client may say at once
_SLICE_CYCLES = 5_000  # between two looks at what has come
_DRAIN_SECONDS = 0.2  # that the answers to a client who left may take


class Server:
    """Passes bytes between the board and its client; simulates only while something goes on.

    Parameters
    ----------
    board : VirtualBoard
    """

    def __init__(self, board: VirtualBoard):
        self._board = board
        self._stream: Stream | None = None
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
        wanted = self._stream is not None and len(self._pending) < QUEUE_BYTES
        return [self._stream.handle] if self._stream is not None and wanted else []

    def _take(self):
        """Queue what has come; see whether the client has left before another one is judged."""
        while self._stream is not None and len(self._pending) < QUEUE_BYTES:
            data = self._stream.receive(QUEUE_BYTES - len(self._pending))
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

"""The virtual board as a device file."""

import os
from collections.abc import Callable

from weft_sim.serve.server import Server
from weft_sim.serve.stream import Stream
from weft_sim.tools import ToolError
from weft_sim.virtual_board import VirtualBoard

__all__ = ["serve_pty"]


class PtyServer(Server):
    """A device file, which outlives those who open it."""

    def __init__(self, board: VirtualBoard, master: int):
        super().__init__(board)
        os.set_blocking(master, False)
        self._master = master
        self._open()

    def _open(self):
        self._stream = Stream(
            lambda room: os.read(self._master, room),
            lambda data: os.write(self._master, data),
            self._master,
        )

    def _drop(self):
        # A reader who went away must not stop the board: what he leaves is lost.
        super()._drop()
        self._open()


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
        PtyServer(board, master).run()
    finally:
        os.close(master)
        os.close(slave)

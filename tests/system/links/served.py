"""Served boards and clients in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Server", "python", "serving"]

_SERVER = """
import sys
from weft_hw.contract.config import get_config
from weft_sim.serve import serve_pty, serve_tcp
from weft_sim.virtual_board import VirtualBoard
board = VirtualBoard(get_config("tiny"), stand_in=sys.argv[2] == "stand-in")
announce = lambda name: print(name, flush=True)
if sys.argv[1] == "pty":
    serve_pty(board, announce=announce)
else:
    serve_tcp(board, 0, announce=announce)
"""


class Server:
    """A process that serves a board; ``device`` is its name."""

    def __init__(self, process: subprocess.Popen, device: str):
        self.process, self.device = process, device

    def cpu_seconds(self) -> float:
        """Return the CPU time that it took so far, to a microsecond."""
        return time.clock_gettime(~self.process.pid << 3 | 2)  # as clock_getcpuclockid(3) has it


def python(source: str, *arguments: str) -> subprocess.Popen:
    """Start Python code that finds what this process finds."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


@contextmanager
def serving(how: str, engine: str = "stand-in") -> Iterator[Server]:
    """Serve a board of ``tiny`` over ``tcp`` or a ``pty``, with the ``real`` engine or not."""
    process = python(_SERVER, how, engine)
    try:
        yield Server(process, process.stdout.readline().strip() if process.stdout else "")
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

"""Ctrl-C for programs of the tests: one line, at any moment."""

import os
import signal
import sys

__all__ = ["end_with_one_line"]


def end_with_one_line() -> None:
    """Let Ctrl-C end this program with one line and exit code 130; call it before the imports."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more would stop what clears up
        os.write(2, b"interrupted\n")
        # The import of a compiled module makes an ImportError of what is raised in it.
        sys.excepthook = lambda *_: os._exit(130)
        raise SystemExit(130)

    signal.signal(signal.SIGINT, end)

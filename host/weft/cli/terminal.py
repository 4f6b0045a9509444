"""Standard output and standard error: any text, wherever they lead."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from weft.text import printable

__all__ = ["close_streams", "discard", "open_streams", "say", "say_error", "write_out"]


def say(text: object, *, flush: bool = False) -> None:
    """Print a line on standard output.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk. A reader that has gone is no error.
    """
    write_out(printable(str(text)) + "\n")
    if flush:
        write_out("", flush=True)


def say_error(text: str) -> None:
    """Print a line on standard error, if anything can be printed there."""
    try:
        print(printable(text), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        discard(sys.stderr)


def write_out(text: str, *, flush: bool = False) -> None:
    """Write ``text`` to standard output as it is; raises as :func:`say` does."""
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except BrokenPipeError:  # as in `weft explain MODEL | head`
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        error.filename = "standard output"
        raise


def discard(stream: TextIO) -> None:
    """Let what ``stream`` still holds, and all that follows, go nowhere."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def open_streams() -> None:
    """Make standard streams of those that were closed, and let all of them take any character."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is the stream's own, which programs inherit.
            stream = Path(os.devnull).open(mode)  # noqa: SIM115
            os.set_inheritable(stream.fileno(), True)
            setattr(sys, name, stream)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream.buffer, io.RawIOBase):
            # As PYTHONUNBUFFERED makes them, where what a full disk cuts off is lost in silence.
            code = stream.encoding
            buffer = io.BufferedWriter(stream.detach())
            stream = io.TextIOWrapper(buffer, code, line_buffering=True)
            setattr(sys, name, stream)
        stream.reconfigure(errors="backslashreplace")


def close_streams() -> None:
    """Write what is left, so that Python does not complain at the end about what cannot be."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)

"""Text of strangers: files of it, and names made safe to show."""

import errno
import os
from pathlib import Path

__all__ = ["MAX_TEXT_BYTES", "printable", "read_text_bytes", "reason"]

MAX_TEXT_BYTES = 1 << 24  # more than 21,000 names of classes take


def printable(text: str) -> str:
    """Return ``text`` with all that is not shown as itself escaped, as in a Python string.

    That is control characters, line ends, what changes the direction of text, and bytes of file
    names that are not UTF-8. A terminal would obey some of them.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def read_text_bytes(path: Path) -> bytes:
    """Return what a file of text holds; a device may give more without end.

    Raises
    ------
    OSError
        If it cannot be read, or has more than ``MAX_TEXT_BYTES``.
    """
    with path.open("rb") as file:
        data = file.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def reason(error: Exception) -> str:
    """Return what an error says, of the system's own ones the file and the reason alone."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)

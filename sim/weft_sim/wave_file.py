"""Waveform files that appear whole: the simulator's own writers do not say when a disk is full.

Verilator ends the process where a ``.vcd`` file cannot be written, so it gets a pipe; the ``.fst``
writer goes on in silence, so its file is looked at in the end. That writer also maps a second file,
of names, and the process ends where that has no room: it gets some as soon as it is there. It maps
nameless ones too, in the folder of C's ``tmpfile``, which must have room before it begins.
"""

import errno
import os
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from weft_hw.files import replacing

__all__ = ["WaveFile", "is_whole_fst"]

_PIECE = 1 << 16
_NAMELESS = Path("/tmp")  # glibc's P_tmpdir: TMPDIR does not move it
_ROOM = 1 << 22  # bytes: for the value of each signal, and 16 more each
# Types of blocks that every .fst file has: header, geometry, and one of three for the hierarchy.
_NEEDED = ({0}, {3}, {4, 6, 7})
# Blocks of names in LZ4: how many lengths of 8 bytes come first. One is compressed twice.
_LENGTHS = {6: 1, 7: 2}


class _Discarded(Exception):
    """Leaves the block in which a file is replaced."""


class WaveFile:
    """A file at ``path``, which is the old one until :meth:`close`.

    Attributes
    ----------
    name : str
        What the simulator is to open; then call :meth:`opened`.

    Raises
    ------
    OSError
        If a ``.fst`` file's writer has no room for its temporary files.
    """

    def __init__(self, path: Path):
        if path.suffix == ".fst" and _NAMELESS.is_dir():
            with suppress(AttributeError):  # where systems cannot say
                state = os.statvfs(_NAMELESS)
                if state.f_bavail * state.f_frsize < _ROOM:
                    sentence = f"its writer needs {_ROOM >> 20} MiB in {_NAMELESS}"
                    raise OSError(errno.ENOSPC, sentence, str(path))
        self._path, self._error = path, None
        self._stack = ExitStack()
        self._partial = self._stack.enter_context(replacing(path))
        self._thread: threading.Thread | None = None
        self.name = str(self._partial)
        if path.suffix == ".vcd":
            receive, self._send = os.pipe()
            self.name = f"/dev/fd/{self._send}"
            self._thread = threading.Thread(target=self._copy, args=(receive,), daemon=True)
            self._thread.start()

    def opened(self) -> None:
        """Leave the pipe to the simulator, or see that names have room.

        Raises
        ------
        OSError
            If they have none; the old file stays. The simulator must not close its file any more.
        """
        if self._thread is not None:
            os.close(self._send)
            return
        names = Path(f"{self._partial}.hier")
        try:
            with names.open("ab") as file:  # what the writer has not written yet comes over it
                file.write(bytes(_PIECE))
        except OSError as error:
            names.unlink(missing_ok=True)
            self.discard()
            error.filename = str(self._path)
            raise

    def close(self) -> None:
        """Put the file in its place, once the simulator has closed it.

        Raises
        ------
        OSError
            If it is not whole; the old one stays.
        """
        if self._thread is not None:
            self._thread.join()
        elif not is_whole_fst(self._partial):
            self._error = OSError(errno.EIO, "it could not be written whole; is the disk full?")
        with self._stack:
            if self._error is not None:
                self._error.filename = str(self._path)
                raise self._error

    def discard(self) -> None:
        """Leave the old file in its place, once the simulator has closed the new one."""
        if self._thread is not None:
            self._thread.join()
        with suppress(_Discarded), self._stack:
            raise _Discarded

    def _copy(self, receive: int) -> None:
        """Write what comes; where that fails, take the rest nevertheless."""
        with open(receive, "rb", buffering=0) as source:
            try:
                with self._partial.open("wb") as file:
                    while data := source.read(_PIECE):
                        file.write(data)
            except OSError as error:
                self._error = error
                while source.read(_PIECE):
                    pass


def is_whole_fst(path: Path) -> bool:
    """Whether a ``.fst`` file has the blocks that it needs, and ends with a whole one.

    The block of names is the last one. Where it did not fit, its length is that of what did.
    """
    size, place, found = path.stat().st_size, 0, set()
    names = b""
    with path.open("rb") as file:
        while place < size:
            file.seek(place)
            kind, *length = file.read(9)
            found.add(kind)
            content = max(8, int.from_bytes(length, "big"))
            if kind in _LENGTHS:
                names = bytes([kind]) + file.read(content - 8)
            place += 1 + content
    whole = place == size and all(found & kinds for kinds in _NEEDED)
    return whole and (not names or _is_whole_lz4(names[1:], _LENGTHS[names[0]]))


def _is_whole_lz4(content: bytes, lengths: int) -> bool:
    """Whether the LZ4 block behind so many lengths of 8 bytes decodes to the last of them."""
    packed = content[8 * lengths :]
    wanted = int.from_bytes(content[8 * (lengths - 1) : 8 * lengths], "big")
    made = at = 0

    def count(first: int) -> int:
        """Return a length whose first four bits are known; more bytes follow those that are 15."""
        nonlocal at
        if first == 15:
            while (more := packed[at]) == 255:
                first, at = first + 255, at + 1
            first, at = first + more, at + 1
        return first

    try:
        while at < len(packed):
            token = packed[at]
            at += 1
            literals = count(token >> 4)
            made, at = made + literals, at + literals
            if at >= len(packed):
                break
            at += 2  # where the copy comes from
            made += 4 + count(token & 15)
    except IndexError:
        return False
    return at == len(packed) and made == wanted

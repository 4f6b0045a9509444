"""One owner per device: a lock that dies with its owner, and tells who that is."""

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from weft.errors import LinkError

__all__ = ["DeviceLock"]


class DeviceLock:
    """Hold the device at ``path`` until :meth:`release`, or until the process ends.

    Raises
    ------
    LinkError
        If another process, or this one, holds it; the message gives its process id.
    """

    def __init__(self, path: str):
        self._file: int | None = None
        try:
            import fcntl
        except ImportError:
            return  # Windows opens serial ports exclusively anyway
        name = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"weft-{name}.lock"
        try:
            file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except PermissionError:
            raise LinkError(f"{path} is in use by another user ({place})") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(file, 32).decode(errors="replace").strip() or "unknown"
            os.close(file)
            raise LinkError(f"{path} is in use by process {owner}") from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self):
        """Let others have it; may be called twice."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

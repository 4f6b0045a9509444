"""One owner per device: a lock that dies with its owner, and tells who that is."""

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from weft.errors import LinkError

__all__ = ["DeviceLock"]

_NAME_SECONDS = 0.5  # within which an owner has written its name


class DeviceLock:
    """Hold the device called ``name`` until :meth:`release`, or until the process ends.

    Parameters
    ----------
    name : str
        The same for everybody who means the same device, as a device file's real path is.

    Raises
    ------
    LinkError
        If another process, or this one, holds it; the message gives its process id.
    """

    def __init__(self, name: str):
        self._file: int | None = None
        try:
            import fcntl
        except ImportError:
            return  # Windows opens serial ports exclusively anyway
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        place = Path(tempfile.gettempdir()) / f"weft-{digest}.lock"
        file = _open(place)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(file)
            os.close(file)
            raise LinkError(f"{name} is in use by process {owner}") from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        self._file = file

    def release(self):
        """Let others have it; may be called twice."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def _open(place: Path) -> int:
    """Open the file, which stays when its owner has gone, for whoever comes next."""
    options = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    # Linux forbids O_CREAT on another user's file in a shared folder, so it comes second.
    for more in (0, os.O_CREAT | os.O_EXCL, 0):
        try:
            file = os.open(place, options | more, 0o666)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError as error:
            raise LinkError(f"cannot lock {place}: {error.strerror}") from None
        if more:
            with suppress(OSError):
                os.fchmod(file, 0o666)  # whatever the umask is: the next owner may be another user
        return file
    raise LinkError(f"cannot lock {place}: it comes and goes")


def _owner(file: int) -> str:
    deadline = time.monotonic() + _NAME_SECONDS
    while not (owner := os.pread(file, 32, 0).decode(errors="replace").strip()):
        if time.monotonic() > deadline:
            return "unknown"
        time.sleep(0.01)
    return owner

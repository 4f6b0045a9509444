"""One owner per device: a lock that dies with its owner, and tells who that is."""

import hashlib
import os
import stat
import time
from contextlib import suppress
from pathlib import Path

from weft_hw.files import runtime_folder

from weft.errors import LinkError
from weft.forks import tell_of_forks

__all__ = ["DeviceLock"]

_NAME_SECONDS = 0.5  # within which an owner has written its name
_NAME_BYTES = 20


class DeviceLock:
    """Hold the device called ``name`` until :meth:`release`, or until the process ends.

    The lock holds among the processes of one user; its file is in a folder that only they enter.

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
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        try:
            file = _open(runtime_folder() / f"{digest}.lock")
        except OSError as error:
            place = f" {error.filename}" if error.filename else ""
            raise LinkError(f"cannot lock {name}:{place} {error.strerror or error}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _owner(file)
            os.close(file)
            raise LinkError(f"{name} is in use by process {owner}") from None
        except OSError as error:  # a file system without locks
            os.close(file)
            raise LinkError(f"cannot lock {name}: {error.strerror or error}") from None
        self._file = file
        self._write_owner(str(os.getpid()))
        tell_of_forks(self)

    def release(self):
        """Let others have it; may be called twice."""
        if self._file is not None:
            self._write_owner("")
            self.in_fork()

    def _write_owner(self, owner: str):
        # Of one size, so that nothing has to be cut off. Where there is no room, only this is lost.
        if self._file is not None:
            with suppress(OSError):
                os.pwrite(self._file, owner.ljust(_NAME_BYTES).encode(), 0)

    def in_fork(self):
        """Let go of this process's copy, which would outlive its owner."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _open(place: Path) -> int:
    """Open the file, which stays for the next owner when this one has gone."""
    file = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        os.close(file)
        raise PermissionError(1, "is no plain file of one name", str(place))
    return file


def _owner(file: int) -> str:
    deadline = time.monotonic() + _NAME_SECONDS
    while not (owner := os.pread(file, _NAME_BYTES, 0).decode(errors="replace").strip()):
        if time.monotonic() > deadline:
            return "unknown"
        time.sleep(0.01)
    return owner

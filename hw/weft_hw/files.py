"""Files that appear whole or not at all, and the user's own folders for them."""

import errno
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

import platformdirs

__all__ = ["cache_folder", "replacing", "runtime_folder", "scratch_folder", "write_file"]

_NAME = "weft"


def write_file(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``: afterwards it holds all of it, or what it held before.

    The bytes go to a file of an unpredictable name in the same folder, reach the disk, and take
    the place of the old file in one step. A link stays, and its target is replaced; a pipe or a
    device is written to. Permissions are those of the old file, or else what the umask leaves.

    Raises
    ------
    OSError
        Naming ``path``, if any step fails, such as on a full disk.
    """
    try:
        _write_file(Path(path), data)
    except OSError as error:
        error.filename = str(path)
        del error.filename2  # None would be shown
        raise


def _write_file(path: Path, data: bytes) -> None:
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(data)
        file.flush()
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Have an empty file of a private name, which takes the place of ``path`` after the block.

    It goes if the block raises. A pipe or a device has no place to take: ``path`` itself is given.

    Raises
    ------
    OSError
        If any step fails; ``path`` then is what it was.
    """
    mode = None
    with suppress(FileNotFoundError):
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(status.st_mode):
            yield path
            return
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        mode = stat.S_IMODE(status.st_mode)
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{_NAME}-{token_hex(8)}")
    try:
        # O_EXCL takes no file and no link that is there already.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        os.close(os.open(partial, flags, 0o666))
        yield partial
        handle = os.open(partial, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename last; where a folder may not be read, the system does it in its own time."""
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """Have a folder in ``parent`` while the block runs; those that the dead left are cleared.

    An OSError of the block that names no file names ``parent``.
    """
    for path in parent.glob(f".{_NAME}-build-*"):
        with suppress(OSError):
            handle = _lock_folder(path)
            if handle is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(handle)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f".{_NAME}-build-", dir=parent))
        with suppress(FileNotFoundError):  # another process took it for one of the dead's
            handle = _lock_folder(folder)
            if handle is not None and folder.exists():
                break
    try:
        yield folder
    except OSError as error:
        error.filename = error.filename or str(parent)  # of a write, which names no file
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _lock_folder(folder: Path) -> int | None:
    """Return a handle that keeps ``folder`` for this process; None if another one has it."""
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def cache_folder() -> Path:
    """Return where what was built or fetched is kept: ``WEFT_CACHE``, or the user's cache."""
    chosen = os.environ.get("WEFT_CACHE")
    return Path(chosen or platformdirs.user_cache_dir(_NAME, appauthor=False))


def runtime_folder() -> Path:
    """Return a folder that nobody but this user can enter, made if need be.

    Raises
    ------
    OSError
        If it cannot be made, or another user owns it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where it has to use a shared folder
        folder = Path(platformdirs.user_runtime_dir(_NAME, appauthor=False))
    for part in (folder.parent, folder):
        part.mkdir(mode=0o700, parents=part is not folder, exist_ok=True)
    # Others must neither own the folder, nor enter it, nor put another one in its place.
    above, own = folder.parent.stat(), folder.lstat()
    kept = not above.st_mode & 0o022 or above.st_mode & stat.S_ISVTX
    if not kept or above.st_uid not in (0, os.getuid()):
        raise PermissionError(errno.EPERM, "other users can change it", str(folder.parent))
    if not stat.S_ISDIR(own.st_mode) or own.st_uid != os.getuid():
        raise PermissionError(errno.EPERM, "it is no folder of this user's own", str(folder))
    if own.st_mode & 0o077:
        folder.chmod(0o700)
    return folder

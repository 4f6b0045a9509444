"""Shared libraries of simulators in the cache: each is there as it was built, or not at all."""

import hashlib
from contextlib import suppress
from pathlib import Path

from weft_hw.files import cache_folder, write_file

__all__ = ["digest", "indexed", "is_whole", "point", "publish", "simulators"]


def digest(*parts: bytes | str) -> str:
    """Return 24 hexadecimal digits that tell ``parts`` apart."""
    found = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        found.update(len(raw).to_bytes(8, "little") + raw)
    return found.hexdigest()[:24]


def simulators() -> Path:
    """Return the folder of libraries, which is made if need be."""
    folder = cache_folder() / "simulators"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def publish(made: Path, library: Path) -> None:
    """Put a copy of ``made`` at ``library``, and beside it the digest that makes it count."""
    content = made.read_bytes()
    _put(library, content)
    _put(_seal(library), hashlib.sha256(content).hexdigest().encode())


def point(index: Path, library: Path) -> None:
    """Let ``index`` name ``library``."""
    _put(index, f"{library.name} {digest(index.name, library.name)}".encode())


def _put(path: Path, content: bytes) -> None:
    # A link leads to what is not the cache's, and write_file waits for the reader of a pipe.
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.unlink()
    write_file(path, content)


def _seal(library: Path) -> Path:
    return library.with_suffix(".sha256")


def is_whole(library: Path) -> bool:
    """Whether a library is there and as it was built: a damaged one would end this process."""
    if not (library.is_file() and _seal(library).is_file()):
        return False  # a pipe would be waited for
    with suppress(OSError):
        found = hashlib.sha256(library.read_bytes()).hexdigest().encode()
        return _seal(library).read_bytes() == found
    return False


def indexed(index: Path) -> Path | None:
    """Return the library that ``index`` names; None if it is missing or damaged."""
    if not index.is_file():
        return None
    with suppress(OSError, ValueError):
        name, check = index.read_text().split()
        if check == digest(index.name, name):
            return index.with_name(name)
    return None

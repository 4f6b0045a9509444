"""A zip archive whose members are stored as they are, each with a checksum in a manifest.

Nothing is compressed, so a file never takes more memory than its own size says.
"""

import hashlib
import io
import os
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from weft.errors import ModelError

__all__ = ["FILE_VERSION", "pack_members", "read_members"]

FILE_VERSION = 4
_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same program gives the same bytes
_MOST_BYTES = 1 << 30
_MOST_DIRECTORY_BYTES = 1 << 22  # of a record for each member
# The last 22 bytes: how many members there are, and how many bytes their records take.
_END = struct.Struct("<4s4H2LH")
_END_64_BYTES = 20  # before those, where sizes need more than 32 bits


class _Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Version of the format, and the SHA-256 of every other member."""

    version: int
    sha256: dict[str, str]


def pack_members(members: Mapping[str, bytes]) -> bytes:
    """Return the file that holds ``members``."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in members.items()}
    manifest = msgspec.json.encode(_Manifest(FILE_VERSION, digests))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {_MANIFEST: manifest, **members}.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)
    return stream.getvalue()


def read_members(path: Path) -> dict[str, bytes]:
    """Return the members of a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ModelError
        If it is damaged, too large, or of another version.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its other end
        raise ModelError("it is no file")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if status.st_size > _MOST_BYTES:
            raise ModelError(f"it is larger than {_MOST_BYTES >> 20} MiB")
        _check_directory(file.read() if status.st_size < 64 else _tail(file), status.st_size)
        try:
            with zipfile.ZipFile(file) as archive:
                members = _stored(archive, status.st_size)
        except ModelError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
            raise ModelError(f"it is damaged ({error})") from error
    return _checked(members)


def _tail(file: io.BufferedReader) -> bytes:
    file.seek(-(_END.size + _END_64_BYTES), os.SEEK_END)
    return file.read()


def _check_directory(tail: bytes, size: int) -> None:
    """Judge the end of an archive before anything of it is read."""
    if len(tail) < _END.size:
        raise ModelError("it is damaged (it is no archive)")
    mark, *_, directory, start, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or comment or tail[-_END.size - _END_64_BYTES :][:4] == b"PK\6\7":
        raise ModelError("it is damaged (its end is missing)")
    if directory > _MOST_DIRECTORY_BYTES or start + directory + _END.size != size:
        raise ModelError("it is damaged (it has too many members)")


def _stored(archive: zipfile.ZipFile, size: int) -> dict[str, bytes]:
    infos = archive.infolist()
    if any(
        info.compress_type != zipfile.ZIP_STORED
        or info.flag_bits & ~0x800  # encrypted, or of a length that is told later
        or info.file_size != info.compress_size
        for info in infos
    ):
        raise ModelError("it is damaged (a member is compressed), or of another version of Weft")
    if sum(info.file_size for info in infos) > size:
        raise ModelError("it is damaged (members overlap)")
    if len({info.filename for info in infos}) < len(infos):
        raise ModelError("it is damaged (two members have one name)")
    return {info.filename: archive.read(info) for info in infos}


def _checked(members: dict[str, bytes]) -> dict[str, bytes]:
    """Return ``members`` without the manifest, which they must agree with."""
    try:
        manifest = msgspec.json.decode(members.pop(_MANIFEST), type=_Manifest)
    except (KeyError, msgspec.MsgspecError, UnicodeError) as error:
        raise ModelError(f"it is damaged (its manifest: {error})") from None
    if manifest.version != FILE_VERSION:
        raise ModelError(
            f"its version is {manifest.version}, this Weft reads {FILE_VERSION}; "
            f"compile the model again"
        )
    if {n: hashlib.sha256(data).hexdigest() for n, data in members.items()} != manifest.sha256:
        raise ModelError("it is damaged (a checksum differs)")
    return members

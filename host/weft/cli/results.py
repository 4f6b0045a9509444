"""Outputs of inferences as files."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.files import write_file

from weft.cli.images import InputError
from weft.npy import npy_bytes

__all__ = ["check_output_path", "save_outputs"]

_LONGEST_NAME = 1000  # bytes


def check_output_path(path: Path | None, names: Sequence[str] = ()) -> None:
    """Raise :class:`InputError`, before any work is done, if outputs ``names`` cannot go there."""
    if path is None:
        return
    if path.suffix not in (".npy", ".npz"):
        raise InputError(f"{path}: outputs are written as .npy or .npz")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no directory")
    if len(names) > 1 and path.suffix == ".npy":
        raise InputError(f"{path}: the model has {len(names)} outputs; give a .npz file")
    if path.suffix == ".npz":
        taken: set[str] = set()
        for name in names:
            _check_member(path, name)
            # Whoever unpacks the archive may have a file system that takes x and X for the same.
            if name.casefold() in taken:
                raise InputError(f"{path} cannot hold two outputs called {name}; give a .npy file")
            taken.add(name.casefold())


def _check_member(path: Path, name: str) -> None:
    """Raise :class:`InputError` for a name that leads out of the folder it is unpacked in."""
    parts = PureWindowsPath(name).parts  # which knows / and \\, drives and shares
    outside = PureWindowsPath(name).anchor or ".." in parts or not parts
    if outside or not name.isprintable() or len(name.encode(errors="replace")) > _LONGEST_NAME:
        raise InputError(f"{path} cannot hold an output called {name!r}; give a .npy file")


def save_outputs(
    path: Path, names: Sequence[str], outputs: Sequence[Sequence[NDArray[Any]]]
) -> None:
    """Write all inferences' outputs, concatenated along the first dimension.

    A ``.npy`` file takes one output; a ``.npz`` file takes any number, by name. The file appears
    whole or not at all.
    """
    # A number without dimensions becomes a vector where there are several inferences.
    arrays = [
        each[0] if len(each) == 1 else np.concatenate(np.atleast_1d(*each))
        for each in zip(*outputs, strict=True)
    ]
    stream = io.BytesIO()
    if path.suffix == ".npz":
        # Not np.savez, whose own parameters are names that an output may have.
        with zipfile.ZipFile(stream, "w") as archive:
            for name, array in dict(zip(names, arrays, strict=True)).items():
                archive.writestr(f"{name}.npy", npy_bytes(array))
    else:
        stream.write(npy_bytes(arrays[0]))
    write_file(path, stream.getvalue())

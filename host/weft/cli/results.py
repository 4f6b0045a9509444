"""Outputs of inferences as files."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.files import write_file

from weft.cli.images import InputError
from weft.npy import npy_bytes

__all__ = ["check_output_path", "save_outputs"]


def check_output_path(path: Path | None, count: int) -> None:
    """Raise :class:`InputError`, before any work is done, if ``count`` outputs cannot go there."""
    if path is None:
        return
    if path.suffix not in (".npy", ".npz"):
        raise InputError(f"{path}: outputs are written as .npy or .npz")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no directory")
    if count > 1 and path.suffix == ".npy":
        raise InputError(f"{path}: the model has {count} outputs; give a .npz file")


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

"""The bundled digits model and its 450 held-out images."""

from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["MODEL", "held_out", "held_out_inputs"]

_DATA = Path(str(files("weft"))) / "data"
MODEL = _DATA / "digits_int8.onnx"


def held_out() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images, uint8 (450, 8, 8) from 0 to 16, and labels, uint8 (450,) from 0 to 9."""
    with np.load(_DATA / "digits_heldout.npz", allow_pickle=False) as data:
        return data["images"], data["labels"]


def held_out_inputs() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return what the model takes, float32 (450, 1, 8, 8) from 0 to 1, and the labels."""
    images, labels = held_out()
    return images[:, None].astype(np.float32) / np.float32(16), labels

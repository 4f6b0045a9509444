"""Arrays for a model's input from ``.npy`` files and pictures, by one stated rule."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.cli.pictures import PICTURE_RULE, PICTURES, InputError, read_pixels
from weft.errors import ModelError
from weft.graph import Graph
from weft.npy import read_npy_file

__all__ = [
    "PICTURES",
    "InputError",
    "PictureRule",
    "find_inputs",
    "input_range",
    "picture_rule",
    "read_input",
]


@dataclass(frozen=True, kw_only=True)
class PictureRule:
    """How a picture becomes an array: resized, then its 0..255 mapped onto ``low``..``high``.

    ``low`` and ``high`` are the ends of the range that the model's input quantisation covers, in
    the declared dtype: -128..127 for an int8 input, and for a float input the real numbers that
    its first quantisation can express (0..1 if there is none).
    """

    height: int
    width: int
    channels: int
    channels_first: bool
    dtype: np.dtype
    low: float
    high: float

    def __str__(self) -> str:
        """Return the rule as a sentence for people."""
        colour = "grey" if self.channels == 1 else "RGB"
        return (
            f"pictures become {self.width}x{self.height} {colour} (bilinear), "
            f"pixels 0..255 become {self.dtype} {self.low:g}..{self.high:g}; {PICTURE_RULE}"
        )

    def apply(self, path: Path) -> NDArray[Any]:
        """Return the picture at ``path`` in the declared layout, batch 1."""
        pixels = read_pixels(path, self.width, self.height, self.channels).astype(np.float64)
        values = self.low + pixels * ((self.high - self.low) / 255)
        if self.dtype.kind != "f":
            values = np.rint(values)
        values = values.astype(self.dtype)
        return values.transpose(2, 0, 1)[None] if self.channels_first else values[None]


def find_inputs(paths: list[Path]) -> list[Path]:
    """Return the files among ``paths``, and of each directory its arrays and pictures, sorted.

    Raises
    ------
    InputError
        If a path is missing, has another file type, or a directory holds nothing readable.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in (".npy", *PICTURES))
            if not inside:
                raise InputError(f"{path} holds no .npy file and no picture")
            found += inside
        elif not path.exists():
            raise InputError(f"{path} does not exist")
        elif path.suffix.lower() not in (".npy", *PICTURES):
            raise InputError(f"{path}: expected .npy or a picture ({' '.join(PICTURES)})")
        else:
            found.append(path)
    return found


def read_input(path: Path, graph: Graph, name: str) -> list[NDArray[Any]]:
    """Return the arrays in file ``path`` for input ``name``, each of the declared shape.

    A ``.npy`` array has the declared dtype and shape, the shape without its batch dimension, or,
    where the declared batch is 1, any batch: one array is returned for each of it.
    """
    tensor = graph.tensors[name]
    if path.suffix.lower() != ".npy":
        return [picture_rule(graph, name).apply(path)]
    try:
        array = read_npy_file(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path} is no .npy array: {error}") from error
    if array.dtype != tensor.dtype:
        raise InputError(f"{path} holds {array.dtype}, but input {name} is {tensor.dtype}")
    shape = graph.shape(name)
    if array.shape == shape:
        return [array]
    image = None if graph.declared is not None else shape[1:]  # without the batch
    if array.shape == image:
        return [array[None]]
    if shape[:1] == (1,) and array.ndim == len(shape) and array.shape[1:] == image:
        if not len(array):
            raise InputError(f"{path} holds no array: its shape is {array.shape}")
        return [array[i : i + 1] for i in range(len(array))]
    raise InputError(f"{path} has shape {array.shape}, but input {name} is {shape}")


def picture_rule(graph: Graph, name: str) -> PictureRule:
    """Return how pictures become arrays for input ``name``.

    Raises
    ------
    ModelError
        If the input is no image: not of rank 4, or of neither 1 nor 3 channels.
    """
    tensor = graph.tensors[name]
    shape, channels_first = graph.shape(name), _is_channels_first(graph, name)
    if len(shape) == 4 and graph.tensors[name].shape == shape:
        height, width, channels = shape[2:] + shape[1:2] if channels_first else shape[1:]
        if shape[0] == 1 and channels in (1, 3):
            low, high = input_range(graph, name)
            return PictureRule(
                height=height,
                width=width,
                channels=channels,
                channels_first=channels_first,
                dtype=tensor.dtype,
                low=low,
                high=high,
            )
    raise ModelError(f"input {name} of shape {shape} takes no pictures; give a .npy array")


def _is_channels_first(graph: Graph, name: str) -> bool:
    """Whether the input is NCHW: it is transposed to NHWC, or only so are its channels 1 or 3."""
    for node in graph.consumers(name):
        permutation = node.attributes.get("permutation")
        if permutation is not None and tuple(permutation) == (0, 2, 3, 1):
            return True
    shape = graph.shape(name)
    return len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3)


def input_range(graph: Graph, name: str) -> tuple[float, float]:
    """Return the ends of the range that input ``name`` covers, in its own dtype.

    For a float input these are the real numbers that its first quantisation can express.
    """
    tensor = graph.tensors[name]
    if tensor.dtype.kind in "iu":
        limits = np.iinfo(tensor.dtype)
        return limits.min, limits.max
    # Follow operators that only move values to the first quantisation.
    for node in graph.consumers(name):
        output = graph.tensors[node.outputs[0]]
        if output.dtype.kind in "iu" and output.quantization is not None:
            limits, q = np.iinfo(output.dtype), output.quantization
            scale, zero = float(q.scale[0]), int(q.zero_point[0])
            return scale * (limits.min - zero), scale * (limits.max - zero)
        if output.dtype == tensor.dtype:
            return input_range(graph, output.name)
    return 0.0, 1.0

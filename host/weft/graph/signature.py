"""Inputs and outputs of a model: names, dtypes, shapes, and whether feeds fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph

__all__ = [
    "TensorInfo",
    "as_arrays",
    "batch_of",
    "example_shape",
    "join_images",
    "onnx_type",
    "split_images",
]

Arrays = dict[str, NDArray[Any]]
# ONNX's names of element types, where NumPy has others.
_ONNX_NAMES = {"float32": "float", "float64": "double", "str": "string", "object": "string"}


def onnx_type(dtype: Any) -> str:
    """Return what ONNX Runtime calls a tensor of ``dtype``: ``tensor(float)``."""
    name = np.dtype(dtype).name
    return f"tensor({_ONNX_NAMES.get(name, name)})"


@dataclass(frozen=True)
class TensorInfo:
    """An input or output, as ONNX Runtime describes one.

    Parameters
    ----------
    name : str
    dtype : numpy.dtype
    shape : list
        Numbers; of a dimension that the file leaves open its name there, or None. Empty where
        the file does not even give their number.
    """

    name: str
    dtype: np.dtype[Any]
    shape: list[int | str | None]

    @classmethod
    def of(cls, graph: Graph, name: str) -> "TensorInfo":
        """Describe the tensor called ``name``."""
        return cls(name, graph.tensors[name].dtype, list(graph.shape(name)))

    @property
    def type(self) -> str:
        """The dtype as ONNX Runtime writes it: ``tensor(int8)``."""
        return onnx_type(self.dtype)

    def __str__(self) -> str:
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape})"

    @property
    def is_open(self) -> bool:
        """Whether the file leaves a dimension open, or their number."""
        return not self.shape or not all(isinstance(size, int) for size in self.shape)

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether ``shape`` is one of this tensor; its first dimension may count images."""
        if not self.shape:
            return True
        return len(shape) == len(self.shape) and all(
            size == wanted or not isinstance(wanted, int)
            for size, wanted in list(zip(shape, self.shape, strict=True))[1:]
        )


def example_shape(shape: Sequence[int | str | None]) -> str:
    """Return a shape for a message, its open dimensions filled in: ``1,3,32,32``."""
    is_open = [not (isinstance(size, int) and size) for size in shape]
    first = 1 if any(is_open[1:]) else 32  # where nothing else is open, 1 was too small
    filled = [(32 if axis else first) if is_open[axis] else size for axis, size in enumerate(shape)]
    return ",".join(map(str, filled or (1, 3, 32, 32)))


def as_arrays(
    inputs: Sequence[TensorInfo], feeds: Mapping[str, Any], needed: Sequence[str]
) -> Arrays:
    """Return ``feeds`` as arrays; a list becomes one of the declared dtype.

    Inputs that are not ``needed`` may be left out.

    Raises
    ------
    ModelError
        If an input is unknown or missing, or has another dtype, rank or size than declared. The
        first dimension is not looked at.
    """
    if not isinstance(feeds, Mapping):
        raise ModelError(f"feeds are arrays by the names of inputs, not {type(feeds).__name__}")
    names = [info.name for info in inputs]
    for name in feeds:
        if name not in names:
            raise ModelError(f"the model has no input {name!r}, only {', '.join(names)}")
    for name in needed:
        if name not in feeds:
            raise ModelError(f"input {name} is missing")
    return {info.name: _as_array(info, feeds[info.name]) for info in inputs if info.name in feeds}


def _as_array(info: TensorInfo, value: Any) -> NDArray[Any]:
    if isinstance(value, list):
        try:
            value = np.array(value, info.dtype)
        except (ValueError, TypeError, OverflowError) as error:
            raise ModelError(f"input {info.name} is no array of {info.dtype} ({error})") from None
    if not isinstance(value, np.ndarray):
        found = type(value).__name__
        raise ModelError(f"input {info.name} must be an array of {info.dtype}, not {found}")
    if value.dtype != info.dtype:
        raise ModelError(f"input {info.name} must be {info.dtype}, not {value.dtype}")
    if not info.fits(value.shape):
        raise ModelError(_misfit(info.name, info.shape, value.shape))
    return value


def _misfit(name: str, wanted: Sequence[object], shape: tuple[int, ...]) -> str:
    text = ", ".join("?" if size is None else str(size) for size in wanted)
    return f"input {name} must have shape ({text}{',' * (len(wanted) == 1)}), not {shape}"


def batch_of(graph: Graph, arrays: Mapping[str, NDArray[Any]]) -> int:
    """Return how many images ``arrays`` hold, one for each input of ``graph``.

    Raises
    ------
    ModelError
        Where shapes do not fit the model. Only a first dimension that counts images may differ
        from the declared one.
    """
    batches = set()
    for name in graph.inputs:
        array, shape = arrays[name], graph.shape(name)
        if graph.declared is not None:
            fits = array.shape == shape
        else:
            fits = array.ndim == len(shape) and array.shape[1:] == shape[1:] and array.size > 0
        if not fits:
            raise ModelError(_misfit(name, shape, array.shape))
        batches.add(len(array) if graph.declared is None else 1)
    if len(batches) > 1:
        raise ModelError(f"inputs have different batches: {sorted(batches)}")
    return batches.pop()


def split_images(graph: Graph, feeds: Mapping[str, NDArray[Any]]) -> list[Arrays]:
    """Return the images that ``feeds`` hold, as feeds of their own.

    Raises
    ------
    ModelError
        Where ``feeds`` do not fit the model.
    """
    batch = batch_of(graph, feeds)
    if graph.declared is not None:
        return [{name: feeds[name] for name in graph.inputs}]
    return [
        {name: feeds[name][index : index + 1] for name in graph.inputs} for index in range(batch)
    ]


def join_images(graph: Graph, name: str, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one tensor of all images; a constant one does not depend on them."""
    tensor = graph.tensors.get(name)
    whole = graph.declared is not None or (tensor is not None and tensor.data is not None)
    return values[0] if whole else np.concatenate(values)

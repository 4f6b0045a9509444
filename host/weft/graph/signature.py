"""What goes into a model and comes out of it: names, dtypes, shapes, and whether feeds fit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Graph

__all__ = ["TensorInfo", "batch_of", "example_shape", "join_images", "split_images"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class TensorInfo:
    """An input or output: name, NumPy dtype, and shape; None where the file leaves it open."""

    name: str
    type: str
    shape: list[int | None]

    @classmethod
    def of(cls, graph: Graph, name: str) -> "TensorInfo":
        """Describe the tensor called ``name``."""
        tensor = graph.tensors[name]
        return cls(name, str(tensor.dtype), list(graph.shape(name)))


def example_shape(shape: Sequence[int | None]) -> str:
    """Return a shape for a message, its open dimensions filled in: ``1,3,32,32``."""
    filled = [size or (32 if axis else 1) for axis, size in enumerate(shape)]
    return ",".join(map(str, filled or (1, 3, 32, 32)))


def batch_of(graph: Graph, feeds: Mapping[str, NDArray[Any]]) -> int:
    """Return how many images ``feeds`` hold.

    Raises
    ------
    ModelError
        Where ``feeds`` do not fit the model. Only a first dimension that counts images may differ
        from the declared one.
    """
    if not isinstance(feeds, Mapping):
        raise ModelError(f"feeds are arrays by the names of inputs, not {type(feeds).__name__}")
    batches = set()
    for name in feeds:
        if name not in graph.inputs:
            raise ModelError(f"the model has no input {name!r}, only {', '.join(graph.inputs)}")
    for name in graph.inputs:
        if name not in feeds:
            raise ModelError(f"input {name} is missing")
        tensor, array = graph.tensors[name], feeds[name]
        if not isinstance(array, np.ndarray):
            raise ModelError(
                f"input {name} must be an array of {tensor.dtype}, not {type(array).__name__}"
            )
        if array.dtype != tensor.dtype:
            raise ModelError(f"input {name} must be {tensor.dtype}, not {array.dtype}")
        shape = graph.shape(name)
        if graph.declared is not None:
            fits = array.shape == shape
        else:
            fits = array.ndim == len(shape) and array.shape[1:] == shape[1:] and array.size > 0
        if not fits:
            raise ModelError(f"input {name} must have shape {shape}, not {array.shape}")
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
        return [dict(feeds)]
    return [
        {name: array[index : index + 1] for name, array in feeds.items()} for index in range(batch)
    ]


def join_images(graph: Graph, name: str, values: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one tensor of all images; a constant one does not depend on them."""
    tensor = graph.tensors.get(name)
    whole = graph.declared is not None or (tensor is not None and tensor.data is not None)
    return values[0] if whole else np.concatenate(values)

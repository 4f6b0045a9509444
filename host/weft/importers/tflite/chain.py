"""Moves one after the other, from a tensor of a layer to one of its outputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.tensors import RawTensor

__all__ = ["Chain"]

Shape = tuple[int, ...]


class Chain:
    """Moves one after the other: from a tensor of a layer to one of its outputs."""

    def __init__(self, layer: Layer, source: RawTensor):
        self._layer, self._source = layer, source
        self._steps: list[tuple[str, Shape, dict[str, Any]]] = []
        self.shape = source.shape

    def then(self, operator: str, shape: Sequence[int], **attributes: Any) -> "Chain":
        """Append an operator whose result has ``shape``."""
        self.shape = tuple(shape)
        self._steps.append((operator, self.shape, attributes))
        return self

    def reshape(self, *shape: int) -> "Chain":
        """Append RESHAPE, unless the shape is there already."""
        return self if shape == self.shape else self.then("RESHAPE", shape)

    def pick(self, axis: int, places: Sequence[int]) -> "Chain":
        """Append what takes ``places`` along ``axis``: a part, or values in any order."""
        length, shape = self.shape[axis], list(self.shape)
        if list(places) == list(range(length)):
            return self
        if not places or not all(0 <= i < length for i in places):
            raise ModelError(f"{self._layer.kind} leaves dimension {axis} of {self.shape}")
        shape[axis] = len(places)
        step = places[1] - places[0] if len(places) > 1 else 1
        even = step > 0 and list(places) == list(range(places[0], places[-1] + 1, step))
        if even and step == 1:
            begin = [0] * len(shape)
            begin[axis] = places[0]
            return self.then("SLICE", shape, begin=tuple(begin), size=tuple(shape))
        return self.then("GATHER", shape, axis=axis, indices=tuple(places))

    def end(self, output: RawTensor, shape: Sequence[int] | None = None) -> None:
        """Emit the moves; the last one writes ``output``, of ``shape`` if that is another one."""
        self._layer.require_shape(output, self.shape if shape is None else shape)
        self.reshape(*output.shape)
        if not self._steps:
            self.then("RESHAPE", output.shape)
        name: str | None = self._source.name
        for number, (operator, shape, attributes) in enumerate(self._steps, 1):
            target = output.name
            if number < len(self._steps):
                dtype = self._source.dtype or np.dtype(np.int8)
                target = self._layer.add(shape, self._source.quantization, dtype=dtype)
            self._layer.emit(operator, (name,), target, **attributes)
            name = target

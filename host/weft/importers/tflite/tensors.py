"""Tensors of a ``.tflite`` file: types, shapes, quantisation and the bytes of constants."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization

__all__ = ["Buffers", "RawTensor", "enumeration", "indices", "read_tensor", "unique"]

# TFLite's tensor types that a quantised model may hold.
_TYPES = {
    "FLOAT32": np.dtype(np.float32),
    "INT32": np.dtype(np.int32),
    "UINT8": np.dtype(np.uint8),
    "INT64": np.dtype(np.int64),
    "BOOL": np.dtype(np.bool_),
    "INT16": np.dtype(np.int16),
    "INT8": np.dtype(np.int8),
}
_MAX_ELEMENTS = 1 << 28
_MAX_RANK = 8


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor as the file has it; ``dtype`` is None for a type that Weft does not know.

    Constants of type INT4 are unpacked to int8. ``type_name`` is the schema's name of the type.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype | None
    type_name: str
    quantization: Quantization | None
    data: NDArray[Any] | None
    variable: bool = False


def enumeration(kind: Any) -> dict[int, str]:
    """Return the names of the schema's enumeration ``kind`` by their values."""
    return {code: name for name, code in vars(kind).items() if isinstance(code, int)}


def indices(values: Any) -> tuple[int, ...]:
    """Return a vector of the file; the parser answers 0 for one that is absent."""
    return tuple(int(value) for value in values) if isinstance(values, np.ndarray) else ()


class Buffers:
    """The bytes of constants, inside the flatbuffer or behind it."""

    def __init__(self, model: Any, count: int, data: bytes):
        self._model, self._count, self._data = model, count, data

    def __call__(self, index: int, name: str) -> bytes:
        """Return buffer ``index``, empty where it holds nothing."""
        if not 0 <= index < max(self._count, 1):
            raise ModelError(f"tensor {name} names buffer {index}, which does not exist")
        if not index:  # by convention the buffer of all that is no constant
            return b""
        buffer = self._model.Buffers(index)
        raw = buffer.DataAsNumpy()
        if isinstance(raw, np.ndarray) and raw.size:
            return raw.tobytes()
        first, size = buffer.Offset(), buffer.Size()
        if first + size > len(self._data):
            raise ModelError(f"the buffer of tensor {name} lies behind the end of the file")
        # Offset 1 is a placeholder of writers that have not yet placed the bytes.
        return self._data[first : first + size] if first > 1 else b""


def read_tensor(tensor: Any, index: int, buffers: Buffers) -> RawTensor:
    """Return tensor ``index`` of a subgraph; raise :class:`ModelError` where it is malformed."""
    import tflite

    name = (tensor.Name() or b"").decode(errors="replace") or f"tensor {index}"
    shape = indices(tensor.ShapeAsNumpy())
    elements = 1
    for size in shape:
        elements *= size
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape) or elements > _MAX_ELEMENTS:
        raise ModelError(f"tensor {name} has the impossible shape {shape}")
    type_name = enumeration(tflite.TensorType).get(tensor.Type(), f"type {tensor.Type()}")
    dtype, constant = _TYPES.get(type_name), None
    raw = buffers(tensor.Buffer(), name)
    if raw and tensor.Sparsity() is not None:
        raise ModelError(f"tensor {name} is sparse, which is not supported")
    if raw and type_name == "INT4":
        dtype, raw = np.dtype(np.int8), _unpacked(raw, elements)
    if raw and dtype is not None:
        if len(raw) != elements * dtype.itemsize:
            raise ModelError(
                f"tensor {name} of shape {shape} and type {type_name} needs "
                f"{elements * dtype.itemsize} bytes, but its buffer has {len(raw)}"
            )
        constant = np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape)
    quantization = _quantization(tensor.Quantization(), name, shape)
    return RawTensor(
        name, shape, dtype, type_name, quantization, constant, bool(tensor.IsVariable())
    )


def _unpacked(raw: bytes, elements: int) -> bytes:
    """Return a byte for each number of 4 bits and a sign, low halves first."""
    if len(raw) != (elements + 1) // 2:
        return raw  # whose size the caller refuses
    pairs = np.frombuffer(raw, np.uint8)
    halves = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(-1)[:elements]
    return ((halves ^ 8).astype(np.int8) - 8).tobytes()


def _quantization(table: Any, name: str, shape: tuple[int, ...]) -> Quantization | None:
    if table is None:
        return None
    if table.DetailsType():
        raise ModelError(f"tensor {name} has a quantisation of its own kind")
    scale, zero_point = table.ScaleAsNumpy(), table.ZeroPointAsNumpy()
    if not isinstance(scale, np.ndarray) or scale.size == 0:
        return None
    if not isinstance(zero_point, np.ndarray) or zero_point.size not in (1, scale.size):
        count = zero_point.size if isinstance(zero_point, np.ndarray) else 0
        raise ModelError(f"tensor {name} has {scale.size} scales but {count} zero points")
    scale = scale.astype(np.float32)
    zero_point = zero_point.astype(np.int64)
    if zero_point.size == 1:
        zero_point = np.repeat(zero_point, scale.size)
    # A vector has but one dimension, whatever the file says: converters repeat its weights' 3.
    axis = table.QuantizedDimension() if len(shape) > 1 else 0
    if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
        raise ModelError(
            f"tensor {name} of shape {shape} has {scale.size} scales along dimension {axis}"
        )
    return Quantization(scale, zero_point, axis if 0 <= axis < len(shape) else 0)


def unique(tensors: Sequence[RawTensor]) -> tuple[RawTensor, ...]:
    """Return the tensors with names of which each occurs once."""
    taken: set[str] = set()
    result = []
    for index, tensor in enumerate(tensors):
        name = tensor.name if tensor.name not in taken else f"{tensor.name}#{index}"
        while name in taken:
            name += "#"
        taken.add(name)
        result.append(replace(tensor, name=name))
    return tuple(result)

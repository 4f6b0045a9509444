"""Tensors as the protocol writes them: lists of JSON numbers, or bytes in row-major order."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from weft.serving.refused import Refused

__all__ = ["datatype_of", "from_bytes", "from_list", "to_bytes", "to_list"]

_DTYPES = {
    "BOOL": np.dtype(np.bool_),
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_NUMBERS: dict[str, Any] = {"b": list[bool], "i": list[int], "u": list[int], "f": list[float]}


def datatype_of(dtype: np.dtype[Any]) -> str:
    """Return the protocol's name of ``dtype``: ``FP32`` for float32."""
    return _NAMES[dtype.newbyteorder("<")]


def from_list(name: str, datatype: str, shape: Sequence[int], data: list[Any]) -> NDArray[Any]:
    """Return the tensor that ``data`` lists, flat in row-major order or nested as ``shape``.

    Raises
    ------
    Refused
        If numbers are not of this datatype, or not as many as ``shape`` says.
    """
    dtype = _dtype(name, datatype)
    flat = _flat(name, shape, data)
    try:
        numbers = msgspec.convert(flat, _NUMBERS[dtype.kind])
    except msgspec.ValidationError as error:
        raise Refused(f"input {name} holds what is no {datatype}: {error}") from None
    if len(numbers) != math.prod(shape):
        raise Refused(f"input {name} has {len(numbers)} values, not those of shape {list(shape)}")
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        if numbers and not bounds.min <= min(numbers) <= max(numbers) <= bounds.max:
            raise Refused(f"input {name} holds a number that no {datatype} holds")
    with np.errstate(over="ignore"):
        array = np.array(numbers, dtype).reshape(shape)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(f"input {name} holds a number that no {datatype} holds")
    return array


def from_bytes(name: str, datatype: str, shape: Sequence[int], data: bytes) -> NDArray[Any]:
    """Return the tensor whose values are ``data``, little endian.

    Raises
    ------
    Refused
        If there are more or fewer bytes than ``shape`` says.
    """
    dtype = _dtype(name, datatype)
    wanted = math.prod(shape) * dtype.itemsize
    if len(data) != wanted:
        raise Refused(f"input {name} has {len(data)} bytes, not the {wanted} of {list(shape)}")
    if dtype.kind == "b" and data.strip(b"\0\1"):
        raise Refused(f"input {name} holds a byte that is no BOOL")
    return np.frombuffer(data, dtype).reshape(shape)


def to_list(name: str, array: NDArray[Any]) -> list[Any]:
    """Return the values of ``array``, flat.

    Raises
    ------
    Refused
        If one of them is no number, which JSON cannot say.
    """
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise Refused(f"output {name} holds infinities or NaN: ask for binary data")
    return array.reshape(-1).tolist()


def to_bytes(array: NDArray[Any]) -> bytes:
    """Return the values of ``array``, little endian."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _dtype(name: str, datatype: str) -> np.dtype[Any]:
    if datatype not in _DTYPES:
        raise Refused(f"input {name} has datatype {datatype!r}, not one of {', '.join(_DTYPES)}")
    return _DTYPES[datatype]


def _flat(name: str, shape: Sequence[int], data: list[Any]) -> list[Any]:
    """Return what lists of lists hold, each as long as ``shape`` says."""
    if not data or not isinstance(data[0], list):
        return data
    lists: list[Any] = [data]
    for depth, size in enumerate(shape):
        if any(not isinstance(each, list) or len(each) != size for each in lists):
            raise Refused(f"input {name} is no list of shape {list(shape)} at depth {depth}")
        lists = [item for each in lists for item in each]
    return lists

"""Arrays of strangers in NumPy's ``.npy`` format: the header is judged before the rest is read."""

import ast
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DTYPES", "MAX_DIMENSIONS", "npy_bytes", "read_npy", "read_npy_file", "read_npy_shape"]

# What tensors are made of. Objects, texts and records are none of these.
DTYPES = (
    "bool",
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)
MAX_DIMENSIONS = 8
_CODES = {
    code: np.dtype(code)
    for name in DTYPES
    for code in (np.dtype(name).str, f">{np.dtype(name).str[1:]}")
}
_MAGIC = b"\x93NUMPY"
_LENGTH_BYTES = {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}  # by version
_MOST_BYTES = 4096  # of a header; more than any array of numbers needs


class _Header(NamedTuple):
    """The type and shape of an array, and the byte of the file at which its elements begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    columns_first: bool
    start: int


def read_npy(data: bytes) -> NDArray[Any]:
    """Return the array in ``data``, which it shares: it cannot be written.

    Raises
    ------
    ValueError
        If this is no array of numbers, or not exactly as long as its header says.
    """
    header = _read_header(data[:_MOST_BYTES])
    rest = memoryview(data)[header.start :]
    if len(rest) != math.prod(header.shape) * header.dtype.itemsize:
        raise ValueError(f"{header.dtype} of shape {header.shape} does not take {len(rest)} bytes")
    order = "F" if header.columns_first else "C"
    return np.frombuffer(rest, header.dtype).reshape(header.shape, order=order)


def read_npy_file(path: Path) -> NDArray[Any]:
    """Return the array in a file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        As for :func:`read_npy`.
    """
    read_npy_shape(path)  # before the whole file comes into memory
    return read_npy(path.read_bytes())


def read_npy_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of the array in a file; raises as :func:`read_npy_file`."""
    with path.open("rb") as file:
        return _read_header(file.read(_MOST_BYTES)).shape


def npy_bytes(array: NDArray[Any]) -> bytes:
    """Return the file that holds ``array``."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _read_header(data: bytes) -> _Header:
    """Return what the first bytes of a file say."""
    if data.startswith(b"PK"):
        raise ValueError("it is an archive of arrays; expected one array")
    size = _LENGTH_BYTES.get(data[6:8])
    if not data.startswith(_MAGIC) or size is None:
        raise ValueError("it does not begin like one")
    start = 8 + size + int.from_bytes(data[8 : 8 + size], "little")
    if start > len(data):
        raise ValueError("its header is cut off or too long")
    try:
        record = ast.literal_eval(data[8 + size : start].decode("ascii").strip())
        code, shape, columns_first = (record[k] for k in ("descr", "shape", "fortran_order"))
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise ValueError("its header is damaged") from None
    if not isinstance(code, str) or code not in _CODES:
        raise ValueError(f"its elements are {str(code)[:40]!r}, not numbers")
    if (
        len(record) != 3
        or type(columns_first) is not bool
        or type(shape) is not tuple
        or len(shape) > MAX_DIMENSIONS
        or any(type(size) is not int or not 0 <= size < 1 << 48 for size in shape)
    ):
        raise ValueError(f"it cannot have shape {str(shape)[:60]}")
    return _Header(_CODES[code], shape, columns_first, start)

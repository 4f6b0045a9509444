"""Matrix products of small integers, exact, by the BLAS of NumPy on one thread."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from weft.forks import ThreadLock

__all__ = ["one_thread", "product"]

Float32 = NDArray[np.float32]

# Sums of integers are exact in float32 below it, in whatever order they are taken.
_EXACT = 1 << 24

_lock, _users, _before = ThreadLock(), 0, []


@cache
def _libraries() -> list:
    return ThreadpoolController().select(user_api="blas").lib_controllers


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS, in the whole process, use one thread meanwhile.

    A layer's products are over before a second thread helps, and that thread then waits actively.
    """
    global _users
    with _lock:
        _users += 1
        if _users == 1:
            _before[:] = [library.get_num_threads() for library in _libraries()]
            for library in _libraries():
                library.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                for library, threads in zip(_libraries(), _before, strict=True):
                    library.set_num_threads(threads)


def _parts(matrix: Float32, reach: int) -> list[slice]:
    """Return slices of the columns, within which all sums of products are exact."""
    length = matrix.shape[1]
    if matrix.size == 0 or length * reach * 255 < _EXACT:
        return [slice(0, length)]
    sizes = np.abs(matrix)
    count = 1
    while True:
        starts = np.arange(0, length, -(-length // count))
        if np.add.reduceat(sizes, starts, axis=1).max() * reach < _EXACT:
            return [slice(a, b) for a, b in zip(starts, [*starts[1:], length], strict=True)]
        count *= 2


def product(rows: Float32, matrix: Float32, reach: int) -> NDArray[np.int32]:
    """Return ``rows @ matrix.T``; sums of more than 32 bits wrap.

    Parameters
    ----------
    rows : ndarray, float32, shape (count, length)
        Integers from ``-reach`` to ``reach``.
    matrix : ndarray, float32, shape (outputs, length)
        Integers from -255 to 255.
    reach : int
        At most 255.
    """
    # All numbers are finite, but some runs left the processor's flag of an invalid operation set.
    with one_thread(), np.errstate(invalid="ignore"):
        parts = [
            (rows[:, part] @ matrix[:, part].T).astype(np.int32) for part in _parts(matrix, reach)
        ]
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total

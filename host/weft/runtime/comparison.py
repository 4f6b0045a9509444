"""Comparison of tensors with the golden model, value by value."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Comparison", "count_differences"]


def count_differences(values: NDArray[Any], expected: NDArray[Any]) -> int:
    """Return how many values differ in any bit; all of them where the shapes differ."""
    if values.shape != expected.shape or values.dtype != expected.dtype:
        return max(values.size, expected.size, 1)
    if values.dtype.kind == "f":  # bits, so that -0.0 and NaN are told apart
        integer = np.dtype(f"u{values.dtype.itemsize}")
        return int((values.view(integer) != expected.view(integer)).sum())
    return int((values != expected).sum())


class Comparison:
    """Differences of the tensors seen so far.

    Parameters
    ----------
    expected : mapping
        Golden tensors by name.

    Attributes
    ----------
    differences : dict
        Number of differing values of each compared tensor.
    values : int
        Number of compared values.
    """

    def __init__(self, expected: Mapping[str, NDArray[Any]]):
        self.expected = expected
        self.differences: dict[str, int] = {}
        self.values = 0

    def add(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Compare ``tensors`` with the golden ones of the same name."""
        for name, values in tensors.items():
            if name in self.expected:
                found = count_differences(values, self.expected[name])
                self.differences[name] = self.differences.get(name, 0) + found
                self.values += values.size

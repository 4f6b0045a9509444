"""How results of this package differ from those of a model's own runtime."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Difference", "find_difference", "is_small"]

_SMALL = 8


@dataclass(frozen=True)
class Difference:
    """One output that differs from the runtime's; ``str`` of it is a sentence.

    Parameters
    ----------
    output, runtime : str
    values, size : int
        How many values differ, and of how many.
    largest : float or None
        Greatest difference; None where shapes or types differ, or a value is not finite.
    position : tuple of int, or None
        Index of the first value that differs.
    detail : str
        What is there, and what the runtime has instead.
    island : bool
        Whether the rule of float islands explains it: such a layer lies before the output, and no
        difference is greater than an eighth of the range of the runtime's values.
    """

    output: str
    runtime: str
    values: int
    size: int
    largest: float | None
    position: tuple[int, ...] | None
    detail: str
    island: bool = False

    def __str__(self) -> str:
        if self.position is None:
            return f"output {self.output} is {self.detail} in {self.runtime}"
        largest = "" if self.largest is None else f", by {self.largest:g} at most"
        return (
            f"output {self.output} differs from {self.runtime} in {self.values:,} of "
            f"{self.size:,} values{largest}, first at {list(self.position)}: {self.detail}"
            + ("; a float island lies before it" if self.island else "")
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return asdict(self)


def find_difference(
    name: str, runtime: str, result: NDArray[Any], expected: NDArray[Any]
) -> Difference | None:
    """Return how ``result`` differs from what a runtime gives; None if it does not."""
    if result.shape != expected.shape or result.dtype != expected.dtype:
        detail = " and not ".join(
            f"{array.dtype} {'x'.join(map(str, array.shape)) or 'scalar'}"
            for array in (result, expected)
        )
        size = max(result.size, expected.size)
        return Difference(name, runtime, size, size, None, None, f"{detail}, as")
    with np.errstate(invalid="ignore"):
        differs = ~((result == expected) | ((result != result) & (expected != expected)))
    if not differs.any():
        return None
    first = np.unravel_index(int(differs.argmax()), differs.shape)
    here, there = (array[differs].astype(np.float64) for array in (result, expected))
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(here - there).max())
    return Difference(
        name,
        runtime,
        int(differs.sum()),
        result.size,
        largest if np.isfinite(largest) else None,
        tuple(int(i) for i in first),
        f"{result[first]} and not {expected[first]}",
    )


def is_small(largest: float | None, expected: NDArray[Any]) -> bool:
    """Whether one-step differences inside of a network can grow to ``largest`` at an output."""
    return largest is not None and largest <= float(np.ptp(expected.astype(np.float64))) / _SMALL

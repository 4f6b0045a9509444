"""Results of one inference: tensors, cycles, counters, traffic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from weft.runtime.profile import LinkProfile

__all__ = ["Arrays", "Run"]

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Run:
    """One inference: the tensors that the host came to know, and the counters of its runs.

    ``counters`` maps descriptor numbers to the contract's counters by name; ``cycles`` are those
    of all runs together, None where nothing counts; ``clock_hz`` is 0 where there is no clock.
    """

    values: Arrays
    cycles: int | None = None
    counters: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    link: LinkProfile = field(default_factory=LinkProfile)
    clock_hz: int = 0

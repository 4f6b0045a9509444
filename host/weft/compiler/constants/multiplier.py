"""Multipliers and shifts of the requantiser, from scales and from what they have to give."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.fields import largest
from weft_hw.contract.memory_map import PARAMETER

from weft.compiler.ir import Unsupported
from weft.golden.arithmetic import Rule, quantize_multiplier

__all__ = [
    "LARGEST_SHIFT",
    "Decision",
    "fit_multiplier",
    "float32_multiplier",
    "float32_multipliers",
    "rounding_of",
    "split_scale",
]

LARGEST_SHIFT = largest(PARAMETER, "shift")
# (value, below, reaches): integers up to ``below`` give less than the value, those from
# ``reaches`` on at least it. None where no integer that occurs does.
Decision = tuple[int, int | None, int | None]

_OUT_OF_RANGE = "its output's scale is out of the requantiser's range"


def split_scale(scale: float) -> tuple[int, int]:
    """Return a 31-bit multiplier and the shift with ``scale ~ multiplier / 2**shift``.

    Raises
    ------
    Unsupported
        If the requantiser cannot express it.
    """
    multiplier, exponent = quantize_multiplier(scale)
    if multiplier == 0 or not 1 <= 31 - exponent <= 62:
        raise Unsupported(_OUT_OF_RANGE)
    return multiplier, 31 - exponent


def float32_multipliers(scale: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return multipliers and shifts of float32 scales: mantissas times 2**7."""
    mantissa, exponent = np.frexp(scale.astype(np.float32))
    multiplier = (mantissa.astype(np.float64) * (1 << 24)).astype(np.int64) << 7
    return multiplier, 31 - exponent.astype(np.int64)


def float32_multiplier(scale: float) -> tuple[int, int]:
    """Return multiplier and shift of one float32 scale.

    Raises
    ------
    Unsupported
        If the requantiser cannot express it.
    """
    multiplier, shift = float32_multipliers(np.array([scale]))
    if not 0 <= shift[0] <= LARGEST_SHIFT:
        raise Unsupported(_OUT_OF_RANGE)
    return int(multiplier[0]), int(shift[0])


def rounding_of(rule: Rule) -> Rounding:
    """Return the hardware's rounding that computes ``rule``."""
    return {Rule.DOUBLE: Rounding.DOUBLE, Rule.HALF_UP: Rounding.HALF_UP}.get(
        rule, Rounding.FLOAT32
    )


def fit_multiplier(decisions: Iterable[Decision], shift: int) -> int | None:
    """Return a multiplier M with which one rounding, ties up, is right at every decision, if any.

    ``floor((t * M + 2**(shift-1)) / 2**shift) >= v`` is ``t * M >= (2 * v - 1) * 2**(shift-1)``.
    """
    least, most = 1, (1 << 31) - 1
    for value, below, reaches in decisions:
        point = (2 * value - 1) << (shift - 1)
        if reaches is not None:  # reaches * M >= point
            if reaches > 0:
                least = max(least, -(-point // reaches))
            elif reaches < 0:
                most = min(most, point // reaches)
            elif point > 0:
                return None
        if below is not None:  # below * M <= point - 1
            if below > 0:
                most = min(most, (point - 1) // below)
            elif below < 0:
                least = max(least, -(-(point - 1) // below))
            elif point < 1:
                return None
        if least > most:
            return None
    return (least + most) // 2

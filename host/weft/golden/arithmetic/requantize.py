"""From accumulators to int8: the rounding of each runtime, and what the hardware computes."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from weft_hw.contract.descriptor import Rounding

__all__ = [
    "OutputStage",
    "Rule",
    "double_rounding",
    "multiply",
    "quantize_multiplier",
    "requantize",
    "round_away",
]

Int64 = NDArray[np.int64]


class Rule(StrEnum):
    """How a runtime scales an accumulator by a real number and rounds it to an integer."""

    DOUBLE = "double"  # LiteRT reference: gemmlowp's double rounding with a Q31 multiplier
    HALF_UP = "half-up"  # LiteRT built-in kernels: one rounding of the Q31 product, ties up
    FLOAT32 = "float32"  # XNNPACK, ONNX Runtime: float32(acc) * float32(scale), ties to even
    FLOAT64 = "float64"  # LiteRT reference FULLY_CONNECTED: float64 product, ties away from zero
    REAL = "real"  # what a runtime leaves in float: the real number, rounded once, ties to even


def quantize_multiplier(scale: float) -> tuple[int, int]:
    """Return ``(multiplier, exponent)`` with ``scale ~ multiplier * 2**(exponent - 31)``.

    The multiplier is 0 or lies in [2**30, 2**31); so TFLite's ``QuantizeMultiplier`` defines it.
    """
    if scale == 0 or not math.isfinite(scale):
        return 0, 0
    mantissa, exponent = math.frexp(scale)
    multiplier = math.floor(mantissa * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    if exponent < -31:
        return 0, 0
    return (multiplier, exponent) if exponent <= 30 else ((1 << 31) - 1, 30)


def _quantize_multipliers(scale: ArrayLike) -> tuple[Int64, Int64]:
    pairs = [quantize_multiplier(float(value)) for value in np.atleast_1d(scale)]
    return (np.array([m for m, _ in pairs], np.int64), np.array([e for _, e in pairs], np.int64))


def double_rounding(
    acc: Int64, multiplier: Int64 | np.int64 | int, exponent: Int64 | np.int64 | int
) -> Int64:
    """Return ``acc * multiplier * 2**(exponent - 31)``, rounded twice as gemmlowp does.

    First a saturating rounding doubling high multiplication, then a right shift by ``-exponent``
    whose ties go away from zero. ``acc`` int64 holding 32 bits; the others as
    :func:`quantize_multiplier` gives them, broadcast against it.
    """
    # The left shift of a scale above 1 happens in int32, before the multiplication, and wraps.
    shifted = (acc << np.maximum(exponent, 0)).astype(np.int32).astype(np.int64)
    high = (shifted * multiplier + (1 << 30)) >> 31
    right = np.maximum(-exponent, 0)
    mask = (np.int64(1) << right) - 1
    return (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))


def _half_up(acc: Int64, multiplier: Int64, exponent: Int64) -> Int64:
    shift = 31 - exponent
    return (acc * multiplier + (np.int64(1) << (shift - 1))) >> shift


def _saturate(product: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.clip(product, -(2.0**31), 2.0**31)


def round_away(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Round to integers, ties away from zero, as C's ``round``."""
    whole = np.trunc(value)
    return whole + np.sign(value) * (np.abs(value - whole) >= 0.5)


def multiply(acc: NDArray[np.integer], scale: ArrayLike, rule: Rule) -> Int64:
    """Return ``acc * scale`` rounded to integers as ``rule`` does it.

    Parameters
    ----------
    acc : ndarray, any integer dtype, shape (..., channels)
        Values of 32 bits.
    scale : array_like, float64, shape (1,) or (channels,)
    rule : Rule
        For ``FLOAT32`` the scale is rounded to float32 first.
    """
    acc = acc.astype(np.int64)
    if rule is Rule.FLOAT32:
        with np.errstate(over="ignore"):
            product = acc.astype(np.float32) * np.asarray(scale, np.float32)
        return np.rint(_saturate(product)).astype(np.int64)
    if rule is Rule.FLOAT64:
        return round_away(_saturate(acc * np.asarray(scale, np.float64))).astype(np.int64)
    if rule is Rule.REAL:
        return np.rint(_saturate(acc * np.asarray(scale, np.float64))).astype(np.int64)
    multiplier, exponent = _quantize_multipliers(scale)
    return (double_rounding if rule is Rule.DOUBLE else _half_up)(acc, multiplier, exponent)


def requantize(
    acc: NDArray[np.integer], multiplier: ArrayLike, shift: ArrayLike, rounding: Rounding
) -> Int64:
    """Return ``acc * multiplier / 2**shift`` rounded as the accelerator's requantiser does.

    Parameters
    ----------
    acc : ndarray, any integer dtype, shape (..., channels)
        Values of 32 bits; for ``FLOAT32`` of at most 24 bits and a sign.
    multiplier, shift : array_like, int, shape (1,) or (channels,)
        31 bits and 6 bits: the parameter memory's fields. For ``FLOAT32`` the multiplier is a
        float32 mantissa (24 bits) times 2**7.
    """
    acc = acc.astype(np.int64)
    multiplier, shift = np.asarray(multiplier, np.int64), np.asarray(shift, np.int64)
    if rounding is Rounding.FLOAT32:
        # Exact in float64: at most 31 + 24 bits of which 7 are zero.
        scale = np.ldexp(multiplier.astype(np.float64), -shift.astype(np.int32))
        return np.rint((acc * scale).astype(np.float32)).astype(np.int64)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    if rounding is Rounding.DOUBLE:
        half = half + np.where(shift > 31, np.where(acc < 0, -(1 << 30), 1 << 30), 0)
    return (acc * multiplier + half) >> shift


@dataclass(frozen=True, eq=False)
class OutputStage:
    """What turns a node's accumulators into int8.

    Parameters
    ----------
    rule : Rule
        Whose rounding.
    scale : ndarray, float64, shape (1,) or (channels,)
        Real value of one step of the accumulator, in steps of the output.
    zero_point, low, high : int
        Added after scaling; then the result is clamped to ``low`` ... ``high``.
    addend : ndarray, float64, shape (1,) or (channels,), optional
        For ``REAL``: steps of the output that are added before rounding.
    """

    rule: Rule
    scale: NDArray[np.float64]
    zero_point: int
    low: int
    high: int
    addend: NDArray[np.float64] | None = None

    def __call__(self, acc: NDArray[np.integer]) -> NDArray[np.int8]:
        """Return the int8 values of ``acc`` (shape (..., channels))."""
        if self.addend is None:
            value = multiply(acc, self.scale, self.rule) + self.zero_point
        else:
            steps = acc.astype(np.float64) * self.scale + self.addend
            value = np.rint(_saturate(steps)).astype(np.int64) + self.zero_point
        return np.clip(value, self.low, self.high).astype(np.int8)

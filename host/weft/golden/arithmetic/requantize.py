"""From accumulators to int8: the rounding of each runtime, and what the hardware computes."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

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

# Values that are taken at a time, and of those in one row, at most.
_PIECE, _ROW = 1 << 13, 1 << 9


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
    """Return :func:`quantize_multiplier` of each of ``scale``, shape (channels,)."""
    scale = np.atleast_1d(np.asarray(scale, np.float64))
    mantissa, exponent = np.frexp(np.where(np.isfinite(scale), scale, 0))
    multiplier = np.floor(mantissa * (1 << 31) + 0.5).astype(np.int64)
    exponent = exponent + (multiplier == 1 << 31)
    multiplier[multiplier == 1 << 31] = 1 << 30
    multiplier[exponent > 30] = (1 << 31) - 1
    small = (multiplier == 0) | (exponent < -31)
    multiplier[small], exponent[small] = 0, 0
    return multiplier, np.minimum(exponent, 30).astype(np.int64)


def double_rounding(
    acc: Int64, multiplier: Int64 | np.int64 | int, exponent: Int64 | np.int64 | int
) -> Int64:
    """Return ``acc * multiplier * 2**(exponent - 31)``, rounded twice as gemmlowp does.

    First a saturating rounding doubling high multiplication, then a right shift by ``-exponent``
    whose ties go away from zero. ``acc`` int64 holding 32 bits; the others as
    :func:`quantize_multiplier` gives them, broadcast against it.
    """
    left, right = np.maximum(exponent, 0), np.maximum(np.negative(exponent), 0)
    # Accumulators wrap at 32 bits, and so does the left shift of a scale above 1.
    acc = (acc << left).astype(np.int32).astype(np.int64)
    high = np.asarray(acc * multiplier)
    high += 1 << 30
    high >>= 31
    if np.any(right):
        # Half is added before the shift; below zero one less, so that a tie goes down.
        below = np.asarray(high >> 63)
        below &= np.where(right > 0, -1, 0)
        below += (np.int64(1) << right) >> 1
        high += below
        high >>= right
    return high


def _half_up(acc: Int64, multiplier: Int64, exponent: Int64) -> Int64:
    shift = 31 - exponent
    return (acc * multiplier + (np.int64(1) << (shift - 1))) >> shift


def _saturate(product: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.minimum(np.maximum(product, -(2.0**31)), 2.0**31)


def round_away(value: NDArray[np.floating]) -> NDArray[np.floating]:
    """Round to integers, ties away from zero, as C's ``round``: infinities stay what they are."""
    whole = np.trunc(value)
    with np.errstate(invalid="ignore"):
        half = np.abs(value - whole) >= 0.5  # the difference is exact; of infinities it is none
    return whole + np.copysign(half, value)


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
    return _scaling(np.asarray(scale, np.float64), rule)(acc).astype(np.int64, copy=False)


def _scaling(
    scale: NDArray[np.float64], rule: Rule, times: int = 1
) -> Callable[[NDArray[np.integer]], NDArray[Any]]:
    """Return what :func:`multiply` does with ``scale``, written ``times`` times in a row."""
    if rule is Rule.FLOAT32:
        single = scale.astype(np.float32)
        single = np.tile(single, times) if times > 1 else single

        def in_float32(acc: NDArray[np.integer]) -> NDArray[Any]:
            with np.errstate(over="ignore"):
                product = acc.astype(np.float32) * single
            return np.rint(_saturate(product)).astype(np.int64)

        return in_float32
    if rule in (Rule.FLOAT64, Rule.REAL):
        double = np.tile(scale, times)
        rounded = round_away if rule is Rule.FLOAT64 else np.rint
        return lambda acc: rounded(_saturate(acc * double)).astype(np.int64)
    multiplier, exponent = (np.tile(part, times) for part in _quantize_multipliers(scale))
    if rule is Rule.HALF_UP:
        return lambda acc: _half_up(acc.astype(np.int64), multiplier, exponent)
    return _DoubleRounding(multiplier, exponent)


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


class _DoubleRounding:
    """:func:`double_rounding` with constants; of small values in float64, at half of the cost.

    Below 2**21 products have 52 bits. So the first rounding is exact, with a half added, and
    gives integers of 22 bits. The second one meets its ties a little too far from zero, by less
    than what lies between a tie and the integers beside it, so that ties to even take them away.
    """

    _SMALL = 1 << 21
    _AWAY = 1 + 2.0**-23

    def __init__(self, multiplier: Int64, exponent: Int64):
        self._multiplier, self._exponent = multiplier, exponent
        left = np.maximum(exponent, 0)
        self._first = np.ldexp(multiplier.astype(np.float64), left - 31)
        self._second = np.ldexp(self._AWAY, np.minimum(exponent, 0))
        self._limit = self._SMALL >> int(left.max())

    def __call__(self, acc: NDArray[np.integer]) -> NDArray[Any]:
        """Return integers, int64 or float64."""
        if acc.size == 0 or max(int(acc.max()), -int(acc.min())) > self._limit:
            return double_rounding(acc.astype(np.int64), self._multiplier, self._exponent)
        value = np.multiply(acc, self._first)
        value += 0.5
        np.floor(value, out=value)
        value *= self._second
        return np.rint(value, out=value)


@dataclass(frozen=True, eq=False)
class OutputStage:
    """The steps that turn a node's accumulators into int8.

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
    _scalings: dict[int, Callable[[NDArray[np.integer]], NDArray[Any]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __call__(self, acc: NDArray[np.integer]) -> NDArray[np.int8]:
        """Return the int8 values of ``acc`` (shape (..., channels))."""
        channels = self.scale.size
        if self.addend is not None:
            steps = acc.astype(np.float64) * self.scale + self.addend
            return self._clamped(np.rint(_saturate(steps)).astype(np.int64))
        # Pieces that stay in the cache, of rows of several pixels: NumPy is slow on short axes.
        pixels = acc.reshape(-1, channels)
        times = math.gcd(len(pixels), max(1, _ROW // channels)) if channels > 1 else 1
        if times not in self._scalings:
            self._scalings[times] = _scaling(self.scale, self.rule, times)
        scaled = self._scalings[times]
        rows = pixels.reshape(-1, times * channels) if channels > 1 else pixels.reshape(-1)
        result = np.empty(rows.shape, np.int8)
        step = max(1, _PIECE * len(rows) // max(1, rows.size))
        for first in range(0, len(rows), step):
            piece = slice(first, first + step)
            result[piece] = self._clamped(scaled(rows[piece]))
        return result.reshape(acc.shape)

    def _clamped(self, value: NDArray[Any]) -> NDArray[np.int8]:
        value += self.zero_point
        np.maximum(value, self.low, out=value)
        return np.minimum(value, self.high, out=value).astype(np.int8)

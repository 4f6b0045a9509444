"""Logistic function and tanh in 16-bit fixed point as gemmlowp computes them.

Arrays are int64 holding 16 bits. ``Qm.n`` has m bits before the point and n behind it.
"""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.fixed_point import shift_right

__all__ = ["logistic_16bit", "tanh_16bit"]

Int64 = NDArray[np.int64]

_MAX = (1 << 15) - 1


def _constant(value: int) -> int:
    """Return the upper 16 bits of a constant, rounded."""
    return int(shift_right(np.array(value), 16))


# exp(-2**k) in Q0.15 for k = -2 ... 4.
_POWERS = tuple(
    map(_constant, (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242))
)
_EXP_EIGHTH, _THIRD = _constant(1895147668), _constant(715827883)
_48_17THS, _32_17THS = _constant(1515870810), _constant(-1010580540)  # Q2.13


def _wrap(value: Int64) -> Int64:
    return value.astype(np.int16).astype(np.int64)


def _high(a: Int64, b: Int64 | int) -> Int64:
    """Return the saturating rounding doubling high product."""
    return np.minimum((a * b + (1 << 14)) >> 15, _MAX)


def _shift_left(value: Int64, bits: int) -> Int64:
    return np.clip(value << bits, -_MAX - 1, _MAX)


def _exp_near_zero(a: Int64) -> Int64:
    """exp(a) in Q0.15 for a in [-1/4, 0), a Taylor polynomial about -1/8."""
    x = a + (1 << 12)
    x2 = _high(x, x)
    x3, x4 = _high(x2, x), _high(x2, x2)
    tail = shift_right(_high(shift_right(x4, 2) + x3, _THIRD) + x2, 1)
    return np.minimum(_EXP_EIGHTH + _high(_wrap(x + tail), _EXP_EIGHTH), _MAX)


def _exponential(a: Int64, whole: int) -> Int64:
    """Return exp(a) in Q0.15 for a <= 0 with ``whole`` bits before the point."""
    quarter = 1 << 15 - whole - 2
    fraction = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(_shift_left(fraction, whole))
    remainder = fraction - a
    for place, power in enumerate(_POWERS, start=-2):
        if whole > place:
            bit = remainder >> 15 - whole + place & 1
            result = np.where(bit, _high(result, power), result)
    if whole > 5:
        result = np.where(a < -(1 << 36 - whole - 16), 0, result)
    return np.where(a == 0, _MAX, result)


def _newton(a: Int64) -> Int64:
    """Return 2 / (1 + a) in Q2.13 for a in [0, 1) in Q0.15."""
    half = (a + _MAX + 1) >> 1
    x = _48_17THS + _high(half, _32_17THS)
    for _ in range(3):
        x = _wrap(x + _shift_left(_high(x, (1 << 13) - _high(half, x)), 2))
    return x


def logistic_16bit(a: Int64) -> Int64:
    """Return 1 / (1 + exp(-a)) in Q0.15 for ``a`` in Q3.12."""
    positive = _shift_left(_newton(_exponential(-np.abs(a), 3)), 1)
    value = np.where(a > 0, positive, _MAX - positive)
    return np.where(a == 0, 1 << 14, value)


def tanh_16bit(a: Int64, whole: int) -> Int64:
    """Return tanh(a) in Q0.15 for ``a`` with ``whole`` bits before the point, 0 to 6."""
    size = _shift_left(_newton(_exponential(-np.abs(a), whole + 1)) - (1 << 13), 2)
    return np.where(a == 0, 0, np.where(a < 0, -size, size))

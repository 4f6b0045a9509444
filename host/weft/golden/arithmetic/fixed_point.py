"""Functions in 32-bit fixed point as gemmlowp computes them; arrays are int64 holding 32 bits.

``Qm.n`` has m bits before the point and n behind it.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "INT32_MAX",
    "exponential",
    "high",
    "logarithm",
    "reciprocal",
    "reciprocal_root",
    "shift_left",
    "shift_right",
]

Int64 = NDArray[np.int64]

INT32_MAX = (1 << 31) - 1
# exp(-2**k) in Q0.31 for k = -2 ... 4.
_POWERS = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)
_EXPONENT_BITS = 5  # integer bits of what exp takes: Q5.26
_ROOT_HALF = 1518500250  # sqrt(1/2) in Q0.31


def high(a: Int64, b: Int64 | int) -> Int64:
    """Return the saturating rounding doubling high product."""
    return np.minimum((a * b + (1 << 30)) >> 31, INT32_MAX)


def shift_right(value: Int64, bits: Int64 | int) -> Int64:
    """Return ``value / 2**bits``, ties away from zero."""
    mask = (np.int64(1) << bits) - 1
    return (value >> bits) + ((value & mask) > (mask >> 1) + (value < 0))


def shift_left(value: Int64, bits: Int64 | int) -> Int64:
    """Return ``value * 2**bits``, saturated."""
    return np.clip(value << bits, -(1 << 31), INT32_MAX)


def _exp_near_zero(a: Int64) -> Int64:
    """exp(a) in Q0.31 for a in [-1/4, 0), a Taylor polynomial about -1/8."""
    exp_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = high(x, x)
    x3, x4 = high(x2, x), high(x2, x2)
    tail = shift_right(high(shift_right(x4, 2) + x3, third) + x2, 1)
    return exp_eighth + high(x + tail, exp_eighth)


def exponential(a: Int64) -> Int64:
    """Return exp(a) in Q0.31 for a <= 0 in Q5.26."""
    quarter = 1 << 31 - _EXPONENT_BITS - 2
    fraction = (a & (quarter - 1)) - quarter
    result = _exp_near_zero(fraction << _EXPONENT_BITS)
    remainder = fraction - a
    for bit, power in enumerate(_POWERS, start=31 - _EXPONENT_BITS - 2):
        result = np.where(remainder >> bit & 1, high(result, power), result)
    return np.where(a == 0, INT32_MAX, result)


def reciprocal(a: Int64) -> Int64:
    """Return 1 / (1 + a) in Q0.31 for a in [0, 1) in Q0.31, by Newton's iteration."""
    half = (a + INT32_MAX + 1) >> 1
    x = 1515870810 + high(half, -1010580540)
    for _ in range(3):
        x = x + shift_left(high(x, (1 << 29) - high(half, x)), 2)
    return shift_left(x, 1)


def _leading_zeros(value: Int64) -> Int64:
    return 32 - np.frexp(value.astype(np.float64))[1].astype(np.int64)


def logarithm(a: Int64) -> Int64:
    """Return ln(a) in Q5.26 for a >= 1 in Q12.19.

    The mantissa goes into a rational approximation, whichever of ``a`` and ``a * sqrt(1/2)``
    lies closer to the middle of its binade; the exponent is added times ln(2), in Q6.25.
    """
    ln2, root_root_half, quarter = 1488522236, 1805811301, 1 << 23
    zeros = _leading_zeros(a)
    r_a = shift_left(high(shift_left(a, zeros - 1), _ROOT_HALF), 1)
    power_a = shift_left(12 - zeros, 25) + quarter
    room = _leading_zeros(high(a, _ROOT_HALF)) - 1
    r_b, power_b = shift_left(a, room), shift_left(12 - room, 25) - quarter
    r, power = np.minimum(r_a, r_b), np.maximum(power_a, power_b)
    p, q = (r + root_root_half + 1) >> 1, 2 * (r - root_root_half)
    square = high(q, q)
    numerator = high(q, r) + high(high(q, square), 117049297)
    denominator = high(p, 1057819769 + q + high(square, 127690142)) + high(q, 638450708)
    quotient = high(shift_right(numerator, 6), reciprocal(denominator))
    return shift_left(high(power, ln2) + quotient, 1)


def reciprocal_root(value: int) -> tuple[int, int]:
    """Return ``(multiplier, exponent)``: 1 / sqrt(value) ~ multiplier * 2**(exponent - 31).

    Five steps of Newton's iteration in Q3.28, for integers of at most 31 bits.
    """
    if value <= 1:
        return INT32_MAX, 0
    halvings = max(0, (value.bit_length() - 28) // 2)
    value >>= 2 * halvings
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    x, half = np.array(1 << 28), np.array((((value << 2 * pairs) >> 1) + 1) >> 1)
    for _ in range(5):
        cube = shift_left(high(high(x, x), x), 6)
        x = shift_left(high(x, 3 << 27) - high(half, cube), 3)
    multiplier, shift = int(high(x, _ROOT_HALF)), 11 + halvings - pairs
    return (multiplier << -shift, 0) if shift < 0 else (multiplier, -shift)

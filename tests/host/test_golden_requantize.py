"""Requantisation against gemmlowp written out in Python integers, and against the contract."""

import math
import random

import numpy as np
import pytest
from weft.golden import arithmetic as golden
from weft.golden.arithmetic import Rule
from weft_hw.contract.descriptor import Rounding

SEED = 7


def high_mul(a: int, b: int) -> int:
    """SaturatingRoundingDoublingHighMul: C++ division truncates towards zero."""
    if a == b == -(1 << 31):
        return (1 << 31) - 1
    product = a * b
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    total = product + nudge
    return total // (1 << 31) if total >= 0 else -(-total // (1 << 31))


def divide_by_power(x: int, exponent: int) -> int:
    """RoundingDivideByPOT: ties away from zero."""
    quotient, remainder = divmod(abs(x), 1 << exponent)
    rounded = quotient + (2 * remainder >= 1 << exponent) if exponent else abs(x)
    return rounded if x >= 0 else -rounded


def accumulators(rng: random.Random, count: int) -> list[int]:
    edges = [0, 1, -1, (1 << 31) - 1, -(1 << 31), (1 << 30), -(1 << 30), (1 << 24), -(1 << 24)]
    return edges + [rng.randrange(-(1 << rng.randrange(2, 32)), 1 << 31) for _ in range(count)]


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.9999999999, 1e-3, 3e-5, 1.3e-11, 2.0**-31, 0.3])
def test_double_rounding_is_gemmlowp(scale):
    multiplier, exponent = golden.quantize_multiplier(scale)
    assert multiplier == 0 or 1 << 30 <= multiplier < 1 << 31
    values = accumulators(random.Random(SEED), 500)
    values = [v for v in values if exponent <= 0 or abs(v) << exponent < 1 << 31]
    expected = [
        divide_by_power(high_mul(v << max(exponent, 0), multiplier), max(-exponent, 0))
        for v in values
    ]
    actual = golden.multiply(np.array(values)[:, None], [scale], Rule.DOUBLE)[:, 0]
    assert actual.tolist() == expected


@pytest.mark.parametrize("exponent", [-31, -20, -9, -8, -2, -1, 0, 1, 5])
@pytest.mark.parametrize("multiplier", [1 << 30, (1 << 31) - 1, 3 << 29, 1518500250])
def test_small_accumulators_are_rounded_as_large_ones_are(multiplier, exponent):
    """They go another way, in float64: ties of both roundings, and the edge between the ways."""
    rng = random.Random(SEED)
    edge = (1 << 21) >> max(exponent, 0)
    right = max(-exponent, 0)
    ties = [((2 * k + 1) << right + 30) // multiplier for k in range(-40, 40)]
    values = [tie + near for tie in ties for near in (-1, 0, 1)]
    values += [edge, -edge, 0, *(rng.randrange(-edge, edge + 1) for _ in range(400))]
    values = [v for v in values if abs(v) <= edge]
    scale = multiplier * 2.0 ** (exponent - 31)
    assert golden.quantize_multiplier(scale) == (multiplier, exponent)
    expected = [divide_by_power(high_mul(v << max(exponent, 0), multiplier), right) for v in values]
    for rows, wanted in ((values, expected), ([*values, edge + 1], None)):
        actual = golden.multiply(np.array(rows)[:, None], [scale], Rule.DOUBLE)
        assert actual.dtype == np.int64
        assert actual[: len(values), 0].tolist() == expected, wanted
    low, high = max(-128, min(expected)), min(127, max(expected))
    stage = golden.OutputStage(Rule.DOUBLE, np.array([scale]), 0, low, high)
    assert stage(np.array(values, np.int32)[:, None])[:, 0].tolist() == [
        min(max(v, low), high) for v in expected
    ]


@pytest.mark.parametrize("shift", [31, 32, 33, 38, 45, 55, 62])
def test_the_accelerators_double_rounding_is_gemmlowp(shift):
    rng = random.Random(SEED + shift)
    values = accumulators(rng, 500)
    multiplier = rng.randrange(1 << 30, 1 << 31)
    # Ties of the second rounding: products that end in exactly one half.
    values += [(k << shift - 31) + (1 << max(shift - 32, 0)) for k in range(-50, 50)]
    values = [v for v in values if -(1 << 31) <= v < 1 << 31]
    for m in (multiplier, 1 << 30):
        expected = [divide_by_power(high_mul(v, m), shift - 31) for v in values]
        acc = np.array(values)[:, None]
        actual = golden.requantize(acc, [m], [shift], Rounding.DOUBLE)[:, 0]
        assert actual.tolist() == expected


def test_half_up_rounds_ties_up():
    acc = np.array([-3, -2, -1, 0, 1, 2, 3])[:, None]
    assert golden.requantize(acc, [1 << 30], [31], Rounding.HALF_UP)[:, 0].tolist() == [
        -1,
        -1,
        0,
        0,
        1,
        1,
        2,
    ]
    assert golden.multiply(acc, [0.5], Rule.HALF_UP)[:, 0].tolist() == [-1, -1, 0, 0, 1, 1, 2]


def test_float32_rounds_ties_to_even_and_float64_away():
    acc = np.array([-5, -3, -1, 1, 3, 5])[:, None]
    assert golden.multiply(acc, [0.5], Rule.FLOAT32)[:, 0].tolist() == [-2, -2, 0, 0, 2, 2]
    assert golden.multiply(acc, [0.5], Rule.FLOAT64)[:, 0].tolist() == [-3, -2, -1, 1, 2, 3]
    # One bit below a tie must not round up, though adding one half to it does in float64.
    assert golden.round_away(np.array([0.49999999999999994])).tolist() == [0.0]


def test_float32_of_the_accelerator_is_that_of_the_runtimes():
    rng = random.Random(SEED)
    for _ in range(50):
        scale = np.float32(math.exp(rng.uniform(-14, 0)))
        mantissa, exponent = np.frexp(scale)
        multiplier = int(mantissa * (1 << 24)) << 7
        acc = np.array([rng.randrange(-(1 << 24), (1 << 24) + 1) for _ in range(300)])[:, None]
        expected = golden.multiply(acc, [float(scale)], Rule.FLOAT32)
        actual = golden.requantize(acc, [multiplier], [31 - int(exponent)], Rounding.FLOAT32)
        assert np.array_equal(actual, expected)


def test_multiplier_of_zero_tiny_and_huge_scales():
    assert golden.quantize_multiplier(0.0) == (0, 0)
    assert golden.quantize_multiplier(1e-30) == (0, 0)
    assert golden.quantize_multiplier(1.0) == (1 << 30, 1)
    assert golden.quantize_multiplier(1 - 2.0**-40) == (1 << 30, 1)


def test_output_stage_clamps_after_the_zero_point():
    stage = golden.OutputStage(Rule.DOUBLE, np.array([1.0]), 100, -20, 110)
    acc = np.array([[-1000], [-130], [0], [9], [11], [1 << 29]])
    assert stage(acc)[:, 0].tolist() == [-20, -20, 100, 109, 110, 110]

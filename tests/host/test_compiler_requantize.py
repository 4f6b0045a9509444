"""Multipliers that reproduce each runtime's rounding, over whole ranges of accumulators."""

import numpy as np
import pytest
from weft.compiler.constants.requantize import choose_multipliers
from weft.compiler.ir import Unsupported
from weft.compiler.lowering.average import mean_multiplier
from weft.golden.arithmetic import OutputStage, Rule
from weft_hw.contract.descriptor import Rounding
from weft_sim.testing.functional import requantize


def outputs(stage, chosen, acc):
    """What the hardware makes of accumulators (samples, channels)."""
    acc = np.where(chosen.constant, chosen.value, acc)
    scaled = requantize(acc, chosen.multiplier, chosen.shift, chosen.rounding)
    return np.clip(scaled + stage.zero_point, stage.low, stage.high)


def decision_points(stage, low, high, rng):
    """Accumulators around every change of the output, found by bisection, and random ones."""
    samples = [low, high, np.clip(0, low, high), *rng.integers(low, high + 1, (400, len(low)))]
    for value in range(stage.low, stage.high):
        below, above = low.copy(), high.copy()
        for _ in range(33):
            middle = (below + above) >> 1
            reached = stage(middle) > value
            above, below = np.where(reached, middle, above), np.where(reached, below, middle)
        samples += [below, above]
    return np.clip(np.array(samples), low, high)


@pytest.mark.parametrize("rule", [rule for rule in Rule if rule is not Rule.REAL])
@pytest.mark.parametrize("seed", range(6))
def test_every_decision_is_the_runtimes(rule, seed):
    rng = np.random.default_rng(seed)
    channels = 24
    scale = (2.0 ** rng.uniform(-16, -6, channels)).astype(np.float32).astype(np.float64)
    scale[:3] = [2.0**-8, 2.0**-9, 3 * 2.0**-12]  # exact ties
    stage = OutputStage(rule, scale, int(rng.integers(-128, 128)), -128, int(rng.integers(0, 128)))
    reach = rng.integers(1, 1 << 20, channels)
    low, high = -reach, rng.integers(0, 1 << 20, channels)
    chosen = choose_multipliers(stage, low, high)
    acc = decision_points(stage, low, high, rng)
    np.testing.assert_array_equal(outputs(stage, chosen, acc), stage(acc))


def test_rule_decides_the_mode():
    low, high = np.array([-1000]), np.array([1000])
    modes = {
        rule: choose_multipliers(OutputStage(rule, np.array([0.01]), 0, -128, 127), low, high)
        for rule in Rule
        if rule is not Rule.REAL
    }
    assert {rule: chosen.rounding for rule, chosen in modes.items()} == {
        Rule.DOUBLE: Rounding.DOUBLE,
        Rule.HALF_UP: Rounding.HALF_UP,
        Rule.FLOAT32: Rounding.FLOAT32,
        Rule.FLOAT64: Rounding.HALF_UP,
    }


def test_what_a_runtime_leaves_in_float_is_refused():
    stage = OutputStage(Rule.REAL, np.array([0.01]), 0, -128, 127)
    with pytest.raises(Unsupported, match="computes it in float"):
        choose_multipliers(stage, np.array([-1000]), np.array([1000]))


def test_float32_beyond_its_exact_range():
    """A constant channel is folded; one that changes once is moved into the exact range."""
    stage = OutputStage(Rule.FLOAT32, np.array([6.95e-7, 1e-12, 0.01]), -128, -128, 127)
    low = np.array([26_480_370, 1 << 29, -5000])
    high = np.array([26_636_685, (1 << 29) + 4000, 5000])
    chosen = choose_multipliers(stage, low, high)
    rng = np.random.default_rng(3)
    acc = decision_points(stage, low, high, rng)
    np.testing.assert_array_equal(outputs(stage, chosen, acc + chosen.offset), stage(acc))
    assert chosen.constant.tolist() == [False, True, False]


def test_what_cannot_be_exact_is_refused():
    """Three outputs of float32 arithmetic beyond 2**24, where accumulators lose their last bits."""
    stage = OutputStage(Rule.FLOAT32, np.array([1e-6, 0.0123]), 0, -128, 127)
    with pytest.raises(Unsupported, match=r"^no 31-bit multiplier rounds every accumulator"):
        choose_multipliers(stage, np.array([30_000_000, -9999]), np.array([90_000_000, 9999]))
    with pytest.raises(Unsupported, match=r"^a scale is negative or not finite$"):
        choose_multipliers(
            OutputStage(Rule.DOUBLE, np.array([np.inf]), 0, -128, 127), np.array([0]), np.array([1])
        )


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 7, 9, 12, 16, 25, 49, 64, 81, 100, 125, 196, 256])
def test_mean_multipliers(count):
    multiplier, shift = mean_multiplier(count)
    sums = np.arange(-128 * count, 127 * count + 1)
    expected = [int(abs(s) / count + 0.5) * (1 if s >= 0 else -1) for s in sums.tolist()]
    got = requantize(sums, np.array(multiplier), np.array(shift), Rounding.HALF_UP)
    np.testing.assert_array_equal(got, expected)

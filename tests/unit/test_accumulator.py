"""Accumulators: sums that wrap and maxima over any grouping of steps."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.variants import variants_of
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

SMALLEST = Config(name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=1, tile=1)
PAIR = Config(name="pair", tap_rows=4, columns=2, lanes=2, tile=2, pixels=2)
CONFIGS = [SMALLEST, get_config("tiny"), PAIR]
MARKS = ("first", "last", "group_end", "final_group", "last_pixel")


def outputs(rng, count, steps_most):
    """Steps of ``count`` outputs, as MARKS say."""
    steps = []
    for _ in range(count):
        length, ends = int(rng.integers(1, steps_most + 1)), rng.integers(0, 2, 3).tolist()
        steps += [(int(s == 0), int(s == length - 1), *ends) for s in range(length)]
    return steps


def run(config, steps, sums, maximum, pause):
    """Drive ``steps``; return what ``done`` and ``results`` showed after each of them.

    Sums and results of pixel p belong to the step of p cycles before.
    """
    dut = variants_of(config).accumulators(config, Portable())
    steps_seen, shown = [], []  # (cycle, done) of each step; results of each cycle
    unknown = np.full((config.pixels, config.columns), 85)
    under_way = [unknown] * config.pixels

    async def tick(ctx, value=unknown):
        under_way.insert(0, value)
        under_way.pop()
        ctx.set(dut.sums, [value[p].tolist() for p, value in enumerate(under_way)])
        await ctx.tick()
        shown.append([[*pixel] for pixel in ctx.get(dut.results)])

    async def drive(ctx):
        ctx.set(dut.maximum, maximum)
        for step, value in zip(steps, sums, strict=True):
            for _ in range(pause()):
                ctx.set(dut.step.valid, 0)
                await tick(ctx)
                assert not ctx.get(dut.done.valid)
            ctx.set(dut.step, {"valid": 1, **dict(zip(MARKS, step, strict=True))})
            await tick(ctx, value)
            done = ctx.get(dut.done)
            steps_seen.append((len(shown) - 1, done.valid, [done[name] for name in MARKS[2:]]))
        ctx.set(dut.step.valid, 0)
        for _ in range(config.pixels - 1):
            await tick(ctx)

    bench.run(dut, drive, deadline=4 * len(steps) + 10)
    return [
        (valid, marks, [shown[cycle + p][p] for p in range(config.pixels)])
        for cycle, valid, marks in steps_seen
    ]


def check(steps, sums, maximum, seen):
    begin = 0
    for k, (first, last, *ends) in enumerate(steps):
        begin = k if first else begin
        valid, marks, results = seen[k]
        assert valid == last
        if last:  # one cycle after the last step
            window = sums[begin : k + 1]
            total = window.max(axis=0) if maximum else window.sum(axis=0)
            assert results == ((total + (1 << 31)) % (1 << 32) - (1 << 31)).tolist(), k
            assert marks == ends


@pytest.mark.parametrize("maximum", [0, 1])
@pytest.mark.parametrize("most", [0, 3], ids=["streaming", "stalling"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_sums_and_maxima(config, most, maximum):
    rng = bench.generator()
    steps = outputs(rng, 60, 7)
    shape = len(steps), config.pixels, config.columns
    bits = 9 if maximum else 16 + (config.rows - 1).bit_length()
    sums = rng.integers(-(1 << bits - 1), 1 << bits - 1, shape)
    sums[rng.random(len(steps)) < 0.2] = -(1 << bits - 1)
    sums[rng.random(len(steps)) < 0.2] = (1 << bits - 1) - 1
    if maximum:  # a maximum is taken over single activations
        sums = np.clip(sums, -128, 127)
    check(steps, sums, maximum, run(config, steps, sums, maximum, bench.stalls(rng, most)))


def test_a_sum_wraps_beyond_32_bits():
    length = 4200
    steps = [(int(s == 0), int(s == length - 1), 1, 1, 1) for s in range(length)]
    sums = np.full((length, PAIR.pixels, PAIR.columns), (1 << 19) - 1)
    sums[:, 1, 1] = -(1 << 19)
    assert abs(sums.sum(axis=0)).min() > 1 << 31
    check(steps, sums, 0, run(PAIR, steps, sums, 0, lambda: 0))

"""Collector: every result leaves once, in order, with the index of its parameters."""

from dataclasses import replace

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.output.collector import Collector
from weft_sim.testing import bench

SMALLEST = Config(
    name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=2, tile=1, parameter_words=8
)
PAIR = Config(name="pair", tap_rows=1, columns=8, lanes=2, tile=2, pixels=2, parameter_words=64)
FOUR = Config(name="four", tap_rows=1, columns=4, lanes=1, tile=2, pixels=4, parameter_words=64)
OWN = replace(FOUR, name="four-own", own_weights=True)
CONFIGS = [SMALLEST, get_config("tiny"), PAIR, FOUR, OWN]
FIRST_BEAT = 2


@pytest.mark.parametrize("most", [0, 5], ids=["streaming", "stalling"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_beat_with_its_parameters(config, most):
    rng = bench.generator()
    dut = Collector(config)
    wanted, seen, cycle = {}, {}, 0
    ahead = set()  # cycles of which it was said that a beat is there
    coming = {}  # (cycle, pixel): results, there for one cycle; what else is there must not matter

    async def tick(ctx):
        nonlocal cycle
        ctx.set(
            dut.results,
            [
                coming.pop((cycle, p), rng.integers(-9, 9, config.columns)).tolist()
                for p in range(config.pixels)
            ],
        )
        if ctx.get(dut.ahead):
            ahead.add(cycle + 2)
        await ctx.tick()
        cycle += 1
        if ctx.get(dut.valid):
            beat = ctx.get(dut.beat)
            seen[cycle] = [*beat.value], beat.parameter

    async def drive(ctx):
        for layer in range(4):
            groups, width, height = (int(rng.integers(1, 4)) for _ in range(3))
            last_beats = int(rng.integers(1, config.beats + 1))
            own = config.own_weights and layer % 2 == 0
            if own:
                groups, width, last_beats = 1, 1, config.beats
            entries = (height * config.pixels if own else groups) * config.beats
            base = int(rng.integers(0, config.parameter_words - entries + 1))
            if config.own_weights:
                ctx.set(dut.own_weights, int(own))
            ctx.set(dut.last_beats, last_beats)
            ctx.set(dut.parameter_base, base)
            ctx.set(dut.begin, 1)
            await tick(ctx)
            ctx.set(dut.begin, 0)
            for y, group, x in np.ndindex(height, groups, width):
                # Only the last row of windows may lie partly below the output.
                pixels = config.pixels if y < height - 1 else int(rng.integers(config.pixels)) + 1
                final = group == groups - 1
                beats = last_beats if final else config.beats
                shape = config.pixels, config.columns
                results = rng.choice(
                    [-(1 << 31), (1 << 31) - 1, *rng.integers(-(1 << 31), 1 << 31, 20)], shape
                )
                coming.update({(cycle + p, p): results[p] for p in range(config.pixels)})
                ctx.set(
                    dut.done,
                    {
                        "valid": 1,
                        "first": 0,
                        "last": 1,
                        "final_group": int(final),
                        "group_end": int(x == width - 1),
                        "last_pixel": pixels - 1,
                    },
                )
                for k, (pixel, beat) in enumerate(np.ndindex(pixels, beats)):
                    lanes = results[pixel, beat * config.lanes : (beat + 1) * config.lanes]
                    wanted[cycle + FIRST_BEAT + k] = (
                        lanes.tolist(),
                        base + (y * config.pixels + pixel if own else group) * config.beats + beat,
                    )
                for _ in range(beats * pixels + int(rng.integers(0, most + 1))):
                    await tick(ctx)
                    ctx.set(dut.done.valid, 0)
            for _ in range(FIRST_BEAT):
                await tick(ctx)
        assert seen == wanted and ahead == {*seen}

    bench.run(dut, drive, deadline=20_000)

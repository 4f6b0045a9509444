"""SystolicArray: sums of products of whole weight words, any step at any address."""

from dataclasses import replace

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.compute.pairs import PairArray
from weft_hw.engine.variants import variants_of
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

SMALLEST = Config(
    name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=1, tile=2, weight_words=1
)
PAIR = Config(
    name="pair", tap_rows=2, tap_columns=2, columns=4, lanes=2, tile=1, pixels=2, weight_words=5
)
NINE = Config(name="nine", columns=2, lanes=2, tile=1, pixels=1, weight_words=16)
ROW_PAIRS = [replace(config, name=f"{config.name}-rows", paired=True) for config in (PAIR, NINE)]
OWN = [
    replace(PAIR, name="pair-own", weight_words=6, own_weights=True),
    replace(NINE, name="nine-own", pixels=4, weight_words=16, own_weights=True, paired=True),
]
CONFIGS = [SMALLEST, get_config("tiny"), PAIR, NINE, *ROW_PAIRS, *OWN]
MODES = [
    pytest.param(config, own, id=f"{config.name}{'-on' * own}")
    for config in CONFIGS
    for own in (0, *[1] * config.own_weights)
]
COUNT = 150


def signed_bytes(rng, shape):
    """Uniform, with whole slices at the extremes."""
    values = rng.integers(-128, 128, shape)
    values[rng.random(shape[0]) < 0.15] = -128
    values[rng.random(shape[0]) < 0.05] = 127
    return values


@pytest.mark.parametrize("depthwise", [0, 1])
@pytest.mark.parametrize("bubbles", [False, True], ids=["streaming", "stalling"])
@pytest.mark.parametrize(("config", "own_weights"), MODES)
def test_matches_a_matrix_product(config, own_weights, bubbles, depthwise):
    rng, words = bench.generator(), min(config.weight_words, 40)
    rows, columns, pixels = config.rows, config.columns, config.pixels
    weights = signed_bytes(rng, (words, columns, rows))
    address = rng.integers(0, words, COUNT)
    if own_weights:
        address -= address % pixels
    own = signed_bytes(rng, (COUNT, pixels, rows, columns))
    fields = rng.integers(0, 2, (COUNT, 5))
    fields[:, 0] = rng.random(COUNT) < 0.6 if bubbles else 1
    marks = "valid", "first", "last", "group_end", "final_group"
    steps = [
        dict(zip(marks, row, strict=True)) | {"last_pixel": int(rng.integers(pixels))}
        for row in fields.tolist()
    ]
    activation = own if depthwise else np.repeat(own[..., :1], columns, axis=3)
    # Of each step and pixel.
    mine = weights[address[:, None] + own_weights * np.arange(pixels)]
    expected = np.einsum("tprc,tpcr->tpc", activation, mine)
    excess, first = np.zeros((COUNT, pixels), int), int(config.paired)
    for row in range(0, rows - 1, 2) if config.paired else ():
        pair = slice(row, row + 2)
        expected += mine[..., pair].prod(axis=3)
        expected += activation[:, :, pair].prod(axis=2)
        excess += own[:, :, pair, 0].prod(axis=2)
    dut = variants_of(config).array(config, Portable())
    stages = -(-rows // 2) if config.paired else rows
    latency = stages + columns // config.tile + 4
    assert dut.latency == latency

    async def drive(ctx):
        ctx.set(dut.depthwise, depthwise)
        for word, column in np.ndindex(words, columns):
            data = int.from_bytes((weights[word, column] & 255).astype(np.uint8), "little")
            bench.assign(ctx, dut.load, enable=1, address=word * columns + column, weights=data)
            await ctx.tick()
        ctx.set(dut.load.enable, 0)
        if config.own_weights:
            ctx.set(dut.own_weights, own_weights)
        for _ in range(3):
            await ctx.tick()
        wave = np.zeros((pixels, rows, columns), int)
        for cycle in range(COUNT + latency + pixels - 1):
            if cycle < COUNT:
                ctx.set(dut.step, steps[cycle])
                ctx.set(dut.weight_address, int(address[cycle]))
            # Row r of pixel p follows the step by 1 + r + p cycles, or 2 + r // 2 + p.
            for row, p in np.ndindex(rows, pixels):
                if 0 <= (k := cycle - 1 - first - (row >> first) - p) < COUNT:
                    wave[p, row] = own[k, p, row]
            ctx.set(dut.own, wave.tolist())
            if 0 <= (done := cycle - latency) < COUNT:
                step = ctx.get(dut.o_step)
                assert {name: step[name] for name in steps[done]} == steps[done]
            for p in range(pixels):
                if 0 <= (done := cycle - latency - p) < COUNT:
                    assert [*ctx.get(dut.sums)[p]] == expected[done, p].tolist(), (done, p)
                    if config.paired:
                        assert isinstance(dut, PairArray)
                        assert ctx.get(dut.excess)[p] == excess[done, p], (done, p)
            await ctx.tick()

    bench.run(dut, drive, deadline=COUNT + words * columns + 100)


def test_a_load_changes_one_column_of_one_word():
    config, rng = PAIR, bench.generator(2)
    weights = rng.integers(-128, 128, (config.weight_words, config.columns, config.rows))
    dut = variants_of(config).array(config, Portable())

    async def load(ctx, word, column):
        data = int.from_bytes((weights[word, column] & 255).astype(np.uint8), "little")
        bench.assign(ctx, dut.load, enable=1, address=word * config.columns + column, weights=data)
        await ctx.tick()
        ctx.set(dut.load.enable, 0)

    async def drive(ctx):
        ctx.set(dut.own, np.ones((config.pixels, config.rows, config.columns), int).tolist())
        for word, column in np.ndindex(config.weight_words, config.columns):
            await load(ctx, word, column)
        for _ in range(20):
            word, column = (int(rng.integers(n)) for n in (config.weight_words, config.columns))
            weights[word, column] = rng.integers(-128, 128, config.rows)
            await load(ctx, word, column)
            for address in range(config.weight_words):
                ctx.set(dut.weight_address, address)
                for _ in range(dut.latency + 2):
                    await ctx.tick()
                assert [*ctx.get(dut.sums)[0]] == weights[address].sum(axis=1).tolist()

    bench.run(dut, drive, deadline=4000)

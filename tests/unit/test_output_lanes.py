"""OutputLanes against the contract's formula, in Amaranth's own simulator."""

from dataclasses import replace

import numpy as np
import pytest
from weft.golden.arithmetic.requantize import requantize
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import PARAMETER
from weft_hw.engine.output.output_lanes import OutputLanes
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

TINY = get_config("tiny")
CONFIGS = [
    TINY,
    replace(TINY, name="smallest", lanes=1, parameter_words=1),
    replace(TINY, name="four", lanes=4),
    replace(TINY, name="paired", lanes=4, paired=True),
]
CONTROLS = {
    "bias": {},
    "activation-table": {"use_table": 1},
    "add-table": {"add_table": 1},
    "multiply": {"multiply": 1, "in_zero": -128, "other_zero": 127},
    "second": {"second": {"rounding": Rounding.HALF_UP, "zero_point": 9, "low": -90, "high": 77}},
    "multiply-table": {"multiply": 1, "in_zero": 127, "other_zero": -128, "use_table": 1},
}
BEATS = 120


def wrap(value, bits):
    """The signed number that the low ``bits`` of an integer array show."""
    half = 1 << bits - 1
    return (np.asarray(value) + half) % (2 * half) - half


class Stimulus:
    """Random memories and beats, and the results that the contract asks for."""

    def __init__(self, config, control, rng):
        shape = config.parameter_words, config.lanes
        self.bias = rng.integers(-1 << 31, 1 << 31, shape) >> rng.integers(0, 31, shape)
        self.multiplier = rng.integers(1 << 30, 1 << 31, shape)
        self.shift = rng.integers(31, 56, shape)
        self.table = rng.integers(-1 << 31, 1 << 31, 256) >> rng.integers(0, 31, 256)
        beats = BEATS, config.lanes
        self.value = rng.integers(-1 << 31, 1 << 31, beats) >> rng.integers(0, 32, beats)
        if control.get("multiply"):
            self.value = rng.choice([*range(-128, 128), *[-128] * 50, *[127] * 50], beats)
        self.operand = rng.choice([*range(-128, 128), *[-128] * 50, *[127] * 50], beats)
        self.parameter = rng.integers(0, config.parameter_words, BEATS)
        # Beats of either pass follow each other in any order.
        self.second = rng.integers(0, 2, BEATS) if control.get("second") else np.zeros(BEATS, int)
        if control.get("second"):  # small sums and shifts, where roundings differ
            self.bias, self.table, self.value = (
                values % 400 - 200 for values in (self.bias, self.table, self.value)
            )
            self.shift = self.shift % 3 + 32
        self.rescale = {"rounding": Rounding.DOUBLE, "zero_point": -4, "low": -100, "high": 127}

    def expected(self, control):
        value = self.value
        if control.get("multiply"):
            value = (value - control["in_zero"]) * (self.operand - control["other_zero"])
        n = self.parameter
        by_table = bool(control.get("add_table")) | (self.second[:, None] == 1)
        addend = np.where(by_table, self.table[self.operand & 255], self.bias[n])
        total = wrap(value + addend, 32)
        first, other = self.rescale, control.get("second", self.rescale)
        y, z = (
            requantize(total, self.multiplier[n], self.shift[n], rescale["rounding"])
            for rescale in (first, other)
        )
        y = np.where(self.second[:, None], z, y)
        zero_point, low, high = (
            np.where(self.second, other[name], first[name])[:, None]
            for name in ("zero_point", "low", "high")
        )
        y = np.clip(y + zero_point, low, high)
        return wrap(self.table[y & 255], 8) if control.get("use_table") else y


async def fill(ctx, dut, stimulus):
    for (entry, lane), bias in np.ndenumerate(stimulus.bias):
        word = pack(
            PARAMETER,
            {
                "bias": int(bias),
                "multiplier": int(stimulus.multiplier[entry, lane]),
                "shift": int(stimulus.shift[entry, lane]),
            },
        )
        ctx.set(
            dut.write_parameter,
            {"address": entry * dut.config.lanes + lane, "data": word, "enable": 1},
        )
        await ctx.tick()
        ctx.set(dut.write_parameter.enable, 0)
        if dut.config.paired:
            await ctx.tick()
    for address, word in enumerate(stimulus.table):
        ctx.set(dut.write_table, {"address": address, "data": int(word) & 0xFFFFFFFF, "enable": 1})
        await ctx.tick()
    ctx.set(dut.write_table.enable, 0)


@pytest.mark.parametrize("bubbles", [False, True], ids=["streaming", "stalling"])
@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_matches_contract(config, control, bubbles):
    rng = np.random.default_rng(1)
    stimulus = Stimulus(config, control, rng)
    expected = stimulus.expected(control)
    dut = OutputLanes(config, Portable())
    results = []  # per cycle from the first beat on, or None

    async def produce(ctx):
        ctx.set(dut.control.as_value(), -1)  # the layer before had another
        await fill(ctx, dut, stimulus)
        ctx.set(dut.control, {"rescale": stimulus.rescale, **control})
        await ctx.tick()
        sent = []
        for beat in range(BEATS):
            pause = int(bubbles and rng.integers(0, 3))
            for _ in range(pause):
                ctx.set(dut.beat.parameter, int(rng.integers(config.parameter_words)))
                await step(ctx)
            ctx.set(
                dut.beat,
                {
                    "value": stimulus.value[beat].tolist(),
                    "operand": stimulus.operand[beat].tolist(),
                    "parameter": int(stimulus.parameter[beat]),
                    "second": int(stimulus.second[beat]),
                },
            )
            ctx.set(dut.valid, 1)
            sent.append(len(results))
            await step(ctx)
            ctx.set(dut.valid, 0)
        for _ in range(dut.LATENCY + 8):
            await step(ctx)
        wanted = [None] * len(results)
        pairs = zip(expected.tolist(), stimulus.second.tolist(), strict=True)
        for cycle, values in zip(sent, pairs, strict=True):
            wanted[cycle + dut.LATENCY] = values
        assert results == wanted

    async def step(ctx):
        valid = ctx.get(dut.result_valid)
        results.append(([*ctx.get(dut.results)], ctx.get(dut.result_second)) if valid else None)
        await ctx.tick()

    bench.run(dut, produce, deadline=4 * BEATS + 700)

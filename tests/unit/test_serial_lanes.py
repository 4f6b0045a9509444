"""SerialLanes against the golden model, in Amaranth's own simulator."""

from dataclasses import replace

import numpy as np
import pytest
from weft.golden.arithmetic.requantize import requantize
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import Rounding
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import PARAMETER
from weft_hw.contract.timing import LANE_CYCLES
from weft_hw.engine.output.serial_lanes import SerialLanes
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

pytestmark = pytest.mark.slow

LANES = 2
COUNT = 128
CONFIG = replace(get_config("tiny"), compact=True, lanes=LANES, parameter_words=COUNT)


def vectors(rounding, rng):
    """Totals, multipliers and shifts; half of the products lie at or beside a tie."""
    size = COUNT * LANES
    total = rng.integers(-1 << 24, 1 << 24, size, endpoint=True)
    total >>= rng.integers(0, 20, size)
    multiplier = rng.integers(1 << 30, 1 << 31, size)
    multiplier[::2] = 1 << 30
    if rounding is Rounding.FLOAT32:
        multiplier &= -128
        multiplier[1::4] = rng.integers((1 << 24) - 3, 1 << 24, size // 4) << 7
    bits = np.ceil(np.log2(np.abs(total) + 1)).astype(np.int64) + 31
    shift = np.clip(bits - rng.integers(0, 9, size), 0, 63)
    shift[-4:] = 0, 1, 63, 31
    total[::4] = ((total[::4] >> 6) | 1) << 6
    return total, multiplier, shift


@pytest.mark.parametrize("rounding", Rounding)
def test_matches_golden(rounding):
    rng = np.random.default_rng(2)
    total, multiplier, shift = vectors(rounding, rng)
    bias = rng.integers(-1 << 31, 1 << 31, COUNT * LANES)
    value = (total - bias) & 0xFFFFFFFF  # a sum that wraps
    zero_point, low, high = 3, -120, 110
    expected = np.clip(requantize(total, multiplier, shift, rounding) + zero_point, low, high)
    dut = SerialLanes(CONFIG, Portable())

    async def drive(ctx):
        for index in range(COUNT * LANES):
            fields = {
                "bias": int(bias[index]),
                "multiplier": int(multiplier[index]),
                "shift": int(shift[index]),
            }
            ctx.set(
                dut.write_parameter,
                {"address": index, "data": pack(PARAMETER, fields), "enable": 1},
            )
            await ctx.tick()
        ctx.set(dut.write_parameter.enable, 0)
        ctx.set(
            dut.rescale, {"rounding": rounding, "zero_point": zero_point, "low": low, "high": high}
        )
        results = []
        for entry in range(COUNT):
            assert ctx.get(dut.ready)
            ctx.set(dut.begin, 1)
            ctx.set(dut.parameter, entry)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            for cycle in range(LANE_CYCLES):
                assert ctx.get(dut.takes) == (cycle < 32)
                assert ctx.get(dut.ready) == (cycle == LANE_CYCLES - 1)
                assert ctx.get(dut.result_valid) == (cycle == 0 and entry > 0)
                if ctx.get(dut.result_valid):
                    results += [ctx.get(dut.results[lane]) for lane in range(LANES)]
                word = value[entry * LANES : entry * LANES + LANES]
                ctx.set(
                    dut.bits,
                    sum(int(w >> cycle & 1) << lane for lane, w in enumerate(word))
                    if cycle < 32
                    else int(rng.integers(1 << LANES)),
                )
                if cycle < LANE_CYCLES - 1:
                    await ctx.tick()
        await ctx.tick()
        assert ctx.get(dut.result_valid)
        results += [ctx.get(dut.results[lane]) for lane in range(LANES)]
        assert results == expected.tolist()

    bench.run(dut, drive, deadline=COUNT * (LANE_CYCLES + 2 * LANES) + 100)

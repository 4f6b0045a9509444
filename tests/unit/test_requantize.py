"""Requantize against the golden model, in Amaranth's own simulator."""

import numpy as np
import pytest
from weft.golden.arithmetic.requantize import requantize
from weft_hw.contract.descriptor import Rounding
from weft_hw.engine.output.requantize import Requantize
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

COUNT = 300


def vectors(rounding, rng):
    """Values, multipliers and shifts whose results lie within and around int8, and ties first."""
    value = rng.integers(-1 << 24, 1 << 24, COUNT, endpoint=True)
    value >>= rng.integers(0, 20, COUNT)
    multiplier = rng.integers(1 << 30, 1 << 31, COUNT)
    if rounding is Rounding.FLOAT32:
        multiplier &= -128
    bits = np.ceil(np.log2(np.abs(value) + 1)).astype(np.int64) + 31
    shift = np.clip(bits - rng.integers(0, 9, COUNT), 0, 63)
    ties = np.arange(-9, 10, 2)
    value[: len(ties)], multiplier[: len(ties)], shift[: len(ties)] = ties, 1 << 30, 31
    return value, multiplier, shift


class Fast(Portable):
    """A family whose wide multiplier is done two cycles earlier."""

    def wide_multiplier(self, a, b, *, dsp=False):
        multiplier = super().wide_multiplier(a, b, dsp=dsp)
        multiplier.latency -= 2
        return multiplier


@pytest.mark.parametrize("tech", [Portable(), Fast()], ids=["portable", "fast"])
@pytest.mark.parametrize("rounding", Rounding)
def test_matches_golden(rounding, tech):
    rng = np.random.default_rng(1)
    value, multiplier, shift = vectors(rounding, rng)
    zero_point, low, high = 3, -120, 110
    expected = np.clip(requantize(value, multiplier, shift, rounding) + zero_point, low, high)
    dut = Requantize(tech)

    async def drive(ctx):
        ctx.set(
            dut.rescale, {"rounding": rounding, "zero_point": zero_point, "low": low, "high": high}
        )
        for cycle in range(COUNT + dut.LATENCY):
            if cycle < COUNT:
                ctx.set(dut.value, int(value[cycle]))
                ctx.set(dut.multiplier, int(multiplier[cycle]))
                ctx.set(dut.shift, int(shift[cycle]))
            if (done := cycle - dut.LATENCY) >= 0:
                assert ctx.get(dut.o) == expected[done]
            await ctx.tick()

    bench.run(dut, drive, deadline=COUNT + 100)

"""ProcessingElement: products and partial sums of a chain, streaming, at the extremes."""

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.compute.pe import ProcessingElement, sum_shape
from weft_hw.tech.fabric import TreeMultiplierByte
from weft_hw.tech.multipliers import Multiplier
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

LATENCY = 4
SMALLEST = Config(name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=1, tile=1)
LARGEST = Config(name="largest", tap_rows=4, tap_columns=3)
CONFIGS = [SMALLEST, get_config("tiny"), LARGEST]


class Fabric(Portable):
    """A family whose processing elements are built from adders."""

    def multiplier(self, *, dsp: bool = True, dense: bool = False):
        return Multiplier() if dsp else TreeMultiplierByte()


class Chain(wiring.Component):
    """As many elements as the array has rows, each one cycle behind the one above it."""

    activation: list[Signal]
    weight: list[Signal]
    sum_out: Signal

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "activation": In(8).array(config.rows),
                "weight": In(8).array(config.rows),
                "sum_out": Out(sum_shape(config)),
            }
        )

    def elaborate(self, platform):
        m, total = Module(), 0
        for row in range(self.config.rows):
            m.submodules[f"pe_{row}"] = element = ProcessingElement(self.config, Portable())
            m.d.comb += [
                element.activation.eq(self.activation[row]),
                element.weight.eq(self.weight[row]),
                element.sum_in.eq(total),
            ]
            total = element.sum_out
        m.d.comb += self.sum_out.eq(total)
        return m


@pytest.mark.parametrize("dsp", [True, False], ids=["dsp", "fabric"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_adds_a_product_every_cycle(config, dsp):
    rng, cycles = bench.generator(), 300
    most = 128 * 128 * (config.rows - 1)
    activation, weight = rng.integers(-128, 128, (2, cycles))
    total = rng.integers(-most, most + 1, cycles)
    # Every pair of extremes, with the largest sums that rows above can make.
    extremes = [(a, w, t) for a in (-128, 127) for w in (-128, 127) for t in (-most, most)]
    activation[100:108], weight[100:108], total[103:111] = np.array(extremes).T
    dut = ProcessingElement(config, Fabric(), dsp=dsp)
    assert dut.LATENCY == LATENCY

    async def drive(ctx):
        for cycle in range(cycles):
            ctx.set(dut.activation, int(activation[cycle]))
            ctx.set(dut.weight, int(weight[cycle]))
            ctx.set(dut.sum_in, int(total[cycle]))
            await ctx.tick()
            t = cycle + 1 - LATENCY
            if t >= 0:
                assert ctx.get(dut.sum_out) == total[cycle] + activation[t] * weight[t], t

    bench.run(dut, drive, deadline=cycles + 10)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_no_chain_of_elements_overflows(config):
    rng, rows, count = bench.generator(), config.rows, 60
    activation, weight = rng.integers(-128, 128, (2, count, rows))
    activation[0], weight[0] = -128, -128
    activation[1], weight[1] = -128, 127
    expected = (activation * weight).sum(axis=1)
    assert expected[0] == 16384 * rows
    dut = Chain(config)

    async def drive(ctx):
        for cycle in range(count + rows + LATENCY):
            for row in range(rows):
                if 0 <= (k := cycle - row) < count:
                    ctx.set(dut.activation[row], int(activation[k, row]) & 255)
                    ctx.set(dut.weight[row], int(weight[k, row]) & 255)
            await ctx.tick()
            if 0 <= (k := cycle + 2 - LATENCY - rows) < count:
                assert ctx.get(dut.sum_out) == expected[k], k

    bench.run(dut, drive, deadline=count + 100)

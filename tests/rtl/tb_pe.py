"""cocotb tests of ProcessingElement; pytest starts them through test_parts_rtl."""

import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from weft_hw.contract.config import Config
from weft_sim.testing.rtl import config_from_env

CONFIG = config_from_env(Config)
LATENCY = 4
MOST = 128 * 128 * (CONFIG.rows - 1)  # what the rows above can add up to


async def start(dut):
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns", impl="gpi").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def check(dut, vectors):
    """Send (activation, weight, sum) one a cycle; the sum joins a cycle before the result."""
    await start(dut)
    for cycle in range(len(vectors)):
        activation, weight, total = vectors[cycle]
        dut.pe__activation.value = activation
        dut.pe__weight.value = weight
        dut.pe__sum_in.value = total
        await FallingEdge(dut.clk)
        if (k := cycle + 1 - LATENCY) >= 0:
            expected = total + vectors[k][0] * vectors[k][1]
            assert dut.pe__sum_out.value.to_signed() == expected, (vectors[k], total)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def random_products(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    await check(
        dut,
        [
            (rng.randrange(-128, 128), rng.randrange(-128, 128), rng.randrange(-MOST, MOST + 1))
            for _ in range(2000)
        ],
    )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def extremes(dut):
    values = (-128, -127, -1, 0, 1, 127)
    await check(dut, [(a, w, t) for a in values for w in values for t in (-MOST, 0, MOST)])


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def all_at_the_lowest(dut):
    await check(dut, [(-128, -128, MOST)] * 20)

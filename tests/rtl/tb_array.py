"""cocotb tests of SystolicArray; pytest starts them through test_parts_rtl."""

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from tb_pe import start
from weft_hw.contract.config import Config
from weft_hw.engine.compute.pe import sum_shape
from weft_hw.engine.layouts import step_layout
from weft_sim.testing.rtl import config_from_env

CONFIG = config_from_env(Config)
ROWS, COLUMNS, PIXELS = CONFIG.rows, CONFIG.columns, CONFIG.pixels
LATENCY = ROWS + COLUMNS // CONFIG.tile + 4
SUM_BITS = sum_shape(CONFIG).width
STEP = step_layout(CONFIG)
WORDS, COUNT = 32, 400


def unpack(value, bits, shape):
    """Signed fields of an unsigned port value, lowest first."""
    count = int(np.prod(shape))
    fields = [value >> bits * k & (1 << bits) - 1 for k in range(count)]
    return np.array([f - (1 << bits) if f >> bits - 1 else f for f in fields]).reshape(shape)


async def load(dut, weights):
    for word, column in np.ndindex(WORDS, COLUMNS):
        dut.array__load__address.value = word * COLUMNS + column
        dut.array__load__weights.value = int.from_bytes(weights[word, column].tobytes(), "little")
        dut.array__load__enable.value = 1
        await FallingEdge(dut.clk)
    dut.array__load__enable.value = 0
    for _ in range(3):
        await FallingEdge(dut.clk)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(depthwise=[0, 1], stalling=[False, True], extreme=[False, True])
async def matches_a_matrix_product(dut, depthwise, stalling, extreme):
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    choices = np.array([-128, -128, -128, 127] if extreme else range(-128, 128), np.int8)
    weights = rng.choice(choices, (WORDS, COLUMNS, ROWS))
    own = rng.choice(choices, (COUNT, PIXELS, ROWS, COLUMNS))
    if extreme:
        weights[: WORDS // 2], own[: COUNT // 2] = -128, -128
    address = rng.integers(0, WORDS, COUNT)
    valid = rng.random(COUNT) < 0.5 if stalling else np.ones(COUNT, bool)
    marks = rng.integers(0, 1 << STEP.size, COUNT) & ~1 | valid
    activation = own if depthwise else np.repeat(own[..., :1], COLUMNS, axis=3)
    expected = np.einsum(
        "tprc,tcr->tpc", activation.astype(np.int64), weights[address].astype(np.int64)
    )
    await start(dut)
    dut.array__depthwise.value = depthwise
    await load(dut, weights)
    wave = np.zeros((PIXELS, ROWS, COLUMNS), np.int8)
    for cycle in range(COUNT + LATENCY + PIXELS - 1):
        if 0 <= (k := cycle - LATENCY) < COUNT:
            assert int(dut.array__o_step.value) == marks[k]
        for p in range(PIXELS):  # each pixel is a cycle behind the one before
            if 0 <= (k := cycle - LATENCY - p) < COUNT and valid[k]:
                sums = unpack(int(dut.array__sums.value), SUM_BITS, (PIXELS, COLUMNS))
                assert np.array_equal(sums[p], expected[k, p]), (k, p)
        if cycle < COUNT:
            dut.array__step.value = int(marks[cycle])
            dut.array__weight_address.value = int(address[cycle])
        for row, p in np.ndindex(ROWS, PIXELS):  # row r follows the step by 1 + r + p cycles
            if 0 <= (k := cycle - 1 - row - p) < COUNT:
                wave[p, row] = own[k, p, row]
        dut.array__own.value = int.from_bytes(wave.tobytes(), "little")
        await FallingEdge(dut.clk)

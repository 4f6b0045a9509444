"""cocotb test of Engine: loads memories, runs programs, compares activation memory."""

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import COUNTER_STRIDE, COUNTERS, Region, max_unit_bytes
from weft_hw.engine.ports import link_address_bits, read_layout, write_layout
from weft_sim.testing.rtl import config_from_env

CASES = np.load(os.environ["CASES"], allow_pickle=False)
CONFIG = config_from_env(Config)
BITS = link_address_bits(CONFIG)
WRITE, READ = write_layout(CONFIG, BITS), read_layout(BITS)
UNIT_BYTES = max_unit_bytes(CONFIG)
READ_DEADLINE = 400  # a table of 256 entries may be on its way to the lanes
CYCLES, BUSY = (next(i for i, f in enumerate(COUNTERS) if f.name == n) for n in ("cycles", "busy"))


async def reset(dut):
    dut.write__valid.value = dut.read__valid.value = dut.start__valid.value = 0
    dut.data__ready.value = 1
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns", impl="gpi").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def transfer(dut, port, payload, deadline=1000):
    """Offer ``payload`` until it is taken; return the cycles that took."""
    getattr(dut, f"{port}__payload").value = payload
    getattr(dut, f"{port}__valid").value = 1
    ready = getattr(dut, f"{port}__ready")
    for cycle in range(deadline):
        await ReadOnly()
        taken = bool(ready.value)
        await FallingEdge(dut.clk)
        if taken:
            getattr(dut, f"{port}__valid").value = 0
            return cycle + 1
    raise TimeoutError(f"{port} was not ready within {deadline} cycles")


async def write(dut, region, rows):
    """Write units, one per two cycles: an idle engine never makes the host wait longer."""
    address = WRITE["address"].offset
    start = WRITE["data"].offset
    words = rows.tobytes()
    unit = rows.shape[1]
    assert dut.write__ready.value == 1
    dut.write__valid.value = 1
    for index in range(len(rows)):
        data = int.from_bytes(words[index * unit : (index + 1) * unit], "little")
        dut.write__payload.value = region | index << address | data << start
        await FallingEdge(dut.clk)
        assert dut.write__ready.value == 0
        await FallingEdge(dut.clk)
        assert dut.write__ready.value == 1
    dut.write__valid.value = 0


async def read(dut, region, unit, stall=0):
    """Return one unit; its answer must be held for ``stall`` cycles."""
    dut.data__ready.value = int(not stall)
    await transfer(dut, "read", READ.const({"region": region, "address": unit}).as_bits())
    for _ in range(READ_DEADLINE):
        if dut.data__valid.value:
            answer = int(dut.data__payload.value)
            for _ in range(stall):
                await FallingEdge(dut.clk)
                assert dut.data__valid.value and int(dut.data__payload.value) == answer
            dut.data__ready.value = 1
            await FallingEdge(dut.clk)
            assert not dut.data__valid.value
            return answer
        await FallingEdge(dut.clk)
    raise TimeoutError(f"a read was not answered within {READ_DEADLINE} cycles")


async def run(dut, count, deadline):
    """Run descriptors from number 0 on; return the cycles for which the engine was busy."""
    await transfer(dut, "start", count << 16)
    for cycle in range(deadline):
        if not dut.busy.value:
            return cycle + 1
        await FallingEdge(dut.clk)
    raise TimeoutError(f"still busy after {deadline} cycles")


async def check_counters(dut, cycles, busy):
    """Work is what the descriptors ask for; the layers' cycles add up to the run's."""
    assert int(dut.cycles.value) == cycles
    for _ in range(len(COUNTERS)):  # the last layer's move to memory one a cycle
        await FallingEdge(dut.clk)
    counts = [
        [await read(dut, Region.COUNTER, layer * COUNTER_STRIDE + k) for k in range(len(COUNTERS))]
        for layer in range(len(busy))
    ]
    assert [layer[BUSY] for layer in counts] == busy.tolist()
    # The run also counts the cycle in which its start was taken.
    assert sum(layer[CYCLES] for layer in counts) == cycles - 1, (counts, cycles)
    # Each cycle of a layer is spent on one thing.
    assert all(sum(layer) == 2 * layer[CYCLES] for layer in counts), counts
    return [layer[CYCLES] for layer in counts]


async def activation(dut, unit, stall=0):
    answer = await read(dut, Region.ACTIVATION, unit, stall)
    return np.frombuffer(answer.to_bytes(UNIT_BYTES, "little"), np.uint8)[: CONFIG.columns]


@cocotb.test(timeout_time=400, timeout_unit="ms")
async def equals_the_expected_memory(dut):
    await reset(dut)
    rng = random.Random(cocotb.RANDOM_SEED)
    failed = []
    for case in range(int(CASES["count"])):
        for region in Region:
            if (name := f"{case}_{region.name}") in CASES:
                await write(dut, region, CASES[name])
        busy, expected = CASES[f"{case}_busy"], CASES[f"{case}_expected"]
        run_cycles = await run(dut, len(busy), int(CASES[f"{case}_deadline"]))
        cycles = await check_counters(dut, run_cycles, busy)
        wrong = []
        for unit, row in enumerate(expected):
            stall = rng.randrange(4) * (unit % 16 == 0)
            got = await activation(dut, unit, stall)
            if not np.array_equal(got, row):
                wrong.append((unit, got.tolist(), row.tolist()))
        print(
            f"case {case}: {CASES[f'{case}_note']}, cycles {cycles}, busy {busy}, "
            f"wrong {wrong[:2]}",
            flush=True,
        )
        failed += [case] * bool(wrong)
    assert not failed, f"wrong words in cases {failed}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def answers_reads_of_unreadable_memories(dut):
    await reset(dut)
    rng = random.Random(cocotb.RANDOM_SEED)
    for _ in range(4):
        region = rng.choice([Region.WEIGHT, Region.PARAMETER, Region.DESCRIPTOR])
        assert await read(dut, region, rng.randrange(1000), rng.randrange(3)) == 0


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def the_host_uses_memory_during_a_run(dut):
    """Reads and writes of words that no layer uses; they wait, but neither side is disturbed."""
    await reset(dut)
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    for region in Region:
        if (name := f"0_{region.name}") in CASES:
            await write(dut, region, CASES[name])
    expected = CASES["0_expected"]
    spare = range(len(expected), CONFIG.activation_words)
    await transfer(dut, "start", len(CASES["0_busy"]) << 16)
    kept, accesses = {}, 0
    while dut.busy.value:
        unit = int(rng.choice(spare))
        row = rng.integers(0, 256, CONFIG.columns, dtype=np.uint8)
        await transfer(
            dut,
            "write",
            WRITE.const(
                {
                    "region": Region.ACTIVATION,
                    "address": unit,
                    "data": int.from_bytes(row.tobytes(), "little"),
                }
            ).as_bits(),
        )
        while not dut.write__ready.value:  # a read could overtake a write that waits
            await FallingEdge(dut.clk)
        kept[unit] = row
        asked = int(rng.choice(list(kept)))
        assert np.array_equal(await activation(dut, asked), kept[asked])
        accesses += 1
    assert accesses > 10
    for unit, row in [*enumerate(expected), *kept.items()]:
        assert np.array_equal(await activation(dut, unit), row), unit

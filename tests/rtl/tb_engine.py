"""cocotb test of Engine: loads memories, runs descriptors, compares activation memory."""

import os
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.memory_map import COUNTERS, Region
from weft_hw.engine import read_layout, write_layout

CASES = np.load(os.environ["CASES"], allow_pickle=False)
CONFIG = CONFIGS[str(CASES["config"])]
WRITE, READ = write_layout(CONFIG), read_layout()


async def reset(dut):
    dut.write__valid.value = dut.read__valid.value = dut.start__valid.value = 0
    dut.data__ready.value = 1
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns", impl="gpi").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def transfer(dut, port, payload):
    getattr(dut, f"{port}__payload").value = payload
    getattr(dut, f"{port}__valid").value = 1
    ready = getattr(dut, f"{port}__ready")
    for _ in range(1000):
        await ReadOnly()
        taken = bool(ready.value)
        await FallingEdge(dut.clk)
        if taken:
            getattr(dut, f"{port}__valid").value = 0
            return
    raise TimeoutError(f"{port} was not ready within 1000 cycles")


async def write(dut, region, unit, rows):
    for index, row in enumerate(rows):
        data = int.from_bytes(row.tobytes(), "little")
        fields = {"region": region, "address": unit + index, "data": data}
        await transfer(dut, "write", WRITE.const(fields).as_bits())


async def read(dut, region, unit):
    await transfer(dut, "read", READ.const({"region": region, "address": unit}).as_bits())
    for _ in range(100):
        await ReadOnly()
        if dut.data__valid.value:
            answer = int(dut.data__payload.value)
            await FallingEdge(dut.clk)
            return answer
        await FallingEdge(dut.clk)
    raise TimeoutError("a read was not answered within 100 cycles")


async def run(dut, first, count, deadline):
    await transfer(dut, "start", first | count << 8)
    for _ in range(deadline):
        await FallingEdge(dut.clk)
        if not dut.busy.value:
            return
    raise TimeoutError(f"still busy after {deadline} cycles")


@cocotb.test(timeout_time=400, timeout_unit="ms")
async def equals_the_expected_memory(dut):
    await reset(dut)
    wrong = []
    for case in range(int(CASES["count"])):
        for region in Region:
            if (name := f"{case}_{region.name}") in CASES:
                await write(dut, region, 0, CASES[name])
        layers = int(CASES[f"{case}_layers"])
        await run(dut, 0, layers, int(CASES[f"{case}_deadline"]))
        units, expected = CASES[f"{case}_units"], CASES[f"{case}_expected"]
        for unit, row in zip(units, expected, strict=True):
            answer = await read(dut, Region.ACTIVATION, int(unit))
            got = np.frombuffer(answer.to_bytes(64, "little"), np.uint8)[: CONFIG.columns]
            if not np.array_equal(got, row):
                wrong.append((case, int(unit), got.astype(np.int8), row.astype(np.int8)))
        cycles = [await read(dut, Region.COUNTER, layer * len(COUNTERS)) for layer in range(layers)]
        print(f"case {case}: {CASES[f'{case}_note']}, cycles {cycles}, "
              f"{len(wrong)} wrong so far", flush=True)
    assert not wrong, f"{len(wrong)} words differ, the first: {wrong[:4]}"


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def answers_reads_of_unreadable_memories(dut):
    await reset(dut)
    rng = random.Random(cocotb.RANDOM_SEED)
    for _ in range(4):
        region = rng.choice([Region.WEIGHT, Region.PARAMETER, Region.DESCRIPTOR])
        assert await read(dut, region, rng.randrange(1000)) == 0

"""cocotb test of Engine with memory beside the chip: programs whose moves load everything."""

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from tb_engine import (
    BITS,
    BUSY,
    CASES,
    CONFIG,
    CYCLES,
    WRITE,
    activation,
    read,
    reset,
    run,
    transfer,
)
from weft_hw.contract.memory_map import COUNTER_STRIDE, COUNTERS, DRAM_BLOCK_BYTES, Region

assert BITS == 24


async def write(dut, region, rows):
    """Write units, one after the other."""
    for unit, row in enumerate(rows):
        await transfer(
            dut,
            "write",
            WRITE.const(
                {"region": region, "address": unit, "data": int.from_bytes(row.tobytes(), "little")}
            ).as_bits(),
        )


async def load(dut, case):
    for region in (Region.DRAM, Region.DESCRIPTOR):
        await write(dut, region, CASES[f"{case}_{region.name}"])


async def beside(dut, first, count):
    """Return ``count`` bytes of the memory beside the chip, from block ``first`` on."""
    blocks = -(-count // DRAM_BLOCK_BYTES)
    data = [await read(dut, Region.DRAM, first + n) for n in range(blocks)]
    return b"".join(block.to_bytes(DRAM_BLOCK_BYTES, "little") for block in data)[:count]


async def check(dut, case):
    """Return what differs from the expected memories."""
    wrong = []
    for unit, row in enumerate(CASES[f"{case}_expected"]):
        got = await activation(dut, unit)
        if not np.array_equal(got, row):
            wrong.append((unit, got.tolist(), row.tolist()))
    expected = CASES[f"{case}_bytes"].tobytes()
    for at, count in CASES[f"{case}_stored"]:
        if await beside(dut, int(at) // DRAM_BLOCK_BYTES, int(count)) != expected[:count]:
            wrong.append(("stored", int(at), int(count)))
        expected = expected[count:]
    return wrong


async def check_counters(dut, case):
    """The counters of the layers whose slots no later one took; return the last layer's."""
    slots, counts = {}, []
    for position, busy in CASES[f"{case}_layers"]:
        slots[int(position) % CONFIG.descriptor_count] = int(busy)
    for _ in range(len(COUNTERS)):
        await FallingEdge(dut.clk)
    for slot, busy in slots.items():
        counts.append(
            [
                await read(dut, Region.COUNTER, slot * COUNTER_STRIDE + k)
                for k in range(len(COUNTERS))
            ]
        )
        assert counts[-1][BUSY] == busy
        assert sum(counts[-1]) == 2 * counts[-1][CYCLES], counts[-1]
    return np.sum(counts, axis=0)


@cocotb.test(timeout_time=400, timeout_unit="ms")
async def equals_the_resident_program(dut):
    await reset(dut)
    failed, total = [], np.zeros(len(COUNTERS), int)
    for case in range(int(CASES["count"])):
        await load(dut, case)
        cycles = await run(dut, int(CASES[f"{case}_length"]), 100_000)
        total += await check_counters(dut, case)
        wrong = await check(dut, case)
        print(f"case {case}: cycles {cycles}, wrong {wrong[:2]}", flush=True)
        failed += [case] * bool(wrong)
    print(dict(zip([field.name for field in COUNTERS], total.tolist(), strict=True)))
    assert total[[field.name for field in COUNTERS].index("wait_memory")] > 0
    assert not failed, f"wrong words in cases {failed}"

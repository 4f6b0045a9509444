"""TableLoader: 256 little-endian entries from words of any length."""

import numpy as np
import pytest
from weft_hw.contract.config import Config
from weft_hw.engine.output.table_loader import TableLoader
from weft_sim.testing import bench

CONFIGS = [
    Config(name=f"{columns}", tap_rows=1, columns=columns, lanes=1, tile=1, activation_words=600)
    for columns in (2, 4, 8, 16)
]
READ_LATENCY = 3


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_loads_the_table(config):
    rng = bench.generator()
    memory = rng.integers(0, 256, (config.activation_words, config.columns), np.uint8)
    words = 256 * 4 // config.columns
    dut = TableLoader(config)

    async def drive(ctx):
        for base in (0, config.activation_words - words, 3):
            expected = np.frombuffer(memory[base : base + words].tobytes(), "<u4")
            table = np.zeros(256, np.int64)
            ctx.set(dut.descriptor.in_base, base)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            pipe, entries, reads, cycle = [0] * READ_LATENCY, 0, [], 1
            while not ctx.get(dut.done):
                if ctx.get(dut.read_enable):
                    reads.append(ctx.get(dut.read_address))
                row = memory[ctx.get(dut.read_address) % len(memory)]
                pipe.append(int.from_bytes(row.tobytes(), "little"))
                if ctx.get(dut.enable):
                    table[ctx.get(dut.address)] = ctx.get(dut.data)
                    entries += 1
                await ctx.tick()
                cycle += 1
                ctx.set(dut.read_data, pipe[-READ_LATENCY])
            assert ctx.get(dut.enable)
            table[ctx.get(dut.address)] = ctx.get(dut.data)
            assert np.array_equal(table, expected)
            assert entries == 255 and reads == [*range(base, base + words)]
            if config.columns >= 4:  # an entry in each cycle
                assert cycle == 260
            for _ in range(5):
                await ctx.tick()
                assert not ctx.get(dut.enable) and not ctx.get(dut.done)
                assert not ctx.get(dut.read_enable)

    bench.run(dut, drive, deadline=4000)

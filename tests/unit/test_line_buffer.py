"""LineBuffer: one or two banks are written and all are read at once."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.input.line_buffer import LineBuffer
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

CONFIGS = [
    Config(name="smallest", tap_rows=1, columns=2, lanes=1, tile=1, line_words=4),
    get_config("tiny"),
    Config(name="four", tap_rows=3, columns=4, lanes=1, tile=1, line_words=512),
    Config(name="pairs", tap_rows=3, columns=4, lanes=1, tile=1, line_words=512, fill_words=2),
]
LATENCY = 2


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_reads_what_was_written(config):
    rng, banks, depth = bench.generator(), config.line_banks, min(config.line_words, 8)
    memory = np.zeros((banks, depth), object)
    dut = LineBuffer(config, Portable())
    places = [*range(depth - 1), config.line_words - 1]  # the last word too
    cycles, wanted = 400, []

    async def drive(ctx):
        for cycle in range(cycles):
            written = {}  # to different banks
            for write, bank in zip(dut.write, rng.permutation(banks).tolist(), strict=False):
                word, enable = int(rng.integers(depth)), bool(rng.random() < 0.7)
                data = int.from_bytes(rng.bytes(config.columns), "little")
                bench.assign(ctx, write, enable=enable, bank=bank, address=places[word], data=data)
                if enable:
                    written[bank, word] = data
            reads = rng.integers(0, depth, banks)
            ctx.set(dut.read_address, [places[r] for r in reads])
            # The word that is written in this cycle may give its old or its new content.
            wanted.append(
                [None if (b, r) in written else memory[b, r] for b, r in enumerate(reads)]
            )
            for place, data in written.items():
                memory[place] = data
            if cycle >= LATENCY:
                got = [*ctx.get(dut.read_data)]
                for value, expected in zip(got, wanted[cycle - LATENCY], strict=True):
                    assert expected is None or value == expected, cycle
            await ctx.tick()

    bench.run(dut, drive, deadline=cycles + 10)

"""Elementwise: both operands' elements side by side, at the rate of memory or of the lanes."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.output.elementwise import Elementwise
from weft_sim.testing import bench

CONFIGS = [
    Config(name="smallest", tap_rows=1, columns=2, lanes=2, tile=1, activation_words=64),
    get_config("tiny"),
    Config(name="four", tap_rows=1, columns=4, lanes=1, tile=1, activation_words=64),
]
READ_LATENCY, FIRST_BEAT = 3, 5


@pytest.mark.parametrize("wide", [0, 1], ids=["narrow", "wide"])
@pytest.mark.parametrize("unary", [0, 1], ids=["binary", "unary"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_element(config, unary, wide):
    rng = bench.generator()
    memory = rng.integers(-128, 128, (config.activation_words, config.columns))
    memory[:3] = [[-128], [127], [-1]]
    dut = Elementwise(config)
    operands = 1 if unary else 2

    async def drive(ctx):
        for count in (1, 2, 3, 17):
            spare = config.activation_words - count
            bases = [0, spare] if count > 2 else rng.integers(0, spare, 2).tolist()
            parameter = int(rng.integers(config.parameter_words))
            ctx.set(
                dut.descriptor,
                {
                    "in_base": bases[0],
                    "other_base": bases[1],
                    "word_count": count,
                    "unary": unary,
                    "wide": wide,
                    "parameter_base": parameter,
                },
            )
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            pipe, reads, beats = [0] * READ_LATENCY, [], {}
            period = max(operands, config.beats)
            for cycle in range(count * period + 12):
                if ctx.get(dut.read_enable):
                    reads.append((cycle, ctx.get(dut.read_address)))
                word = memory[ctx.get(dut.read_address) % len(memory)]
                pipe.append(int.from_bytes((word & 255).astype(np.uint8).tobytes(), "little"))
                if ctx.get(dut.valid):
                    beat = ctx.get(dut.beat)
                    assert beat.parameter == parameter
                    beats[cycle] = [*beat.value], [*beat.operand]
                await ctx.tick()
                ctx.set(dut.read_data, pipe[-READ_LATENCY])

            first = reads[0][0]
            assert first == 0
            assert reads == [
                (k * period + operand, bases[operand] + k)
                for k in range(count)
                for operand in range(operands)
            ]
            wanted = {}
            for k in range(count):
                a, b = memory[bases[0] + k], memory[bases[1] + k]
                for h in range(config.beats):
                    part = slice(h * config.lanes, (h + 1) * config.lanes)
                    cycle = k * period + operands - 1 + FIRST_BEAT + h
                    wanted[cycle] = (a[part] * (1 << 19 if wide else 1)).tolist(), b[part].tolist()
            assert [*beats] == [*wanted]
            for cycle, (value, operand) in wanted.items():
                assert beats[cycle][0] == value, cycle
                assert unary or beats[cycle][1] == operand, cycle

    bench.run(dut, drive, deadline=1000)

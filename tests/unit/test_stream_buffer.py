"""Stream buffer: order, no loss, two places, at every mixture of producer and consumer."""

import random
from collections import deque

import pytest
from weft_hw.parts.stream_buffer import StreamBuffer
from weft_sim.testing.bench import run

CYCLES = 600


@pytest.mark.parametrize(
    "put_rate, take_rate", [(1, 1), (1, 0.3), (0.3, 1), (0.5, 0.5), (0.9, 0.8)]
)
def test_against_a_deque(put_rate, take_rate):
    rng = random.Random(f"{put_rate} {take_rate}")
    dut = StreamBuffer(8)

    async def bench(ctx):
        held, left = deque(), 0
        for _ in range(CYCLES):
            assert ctx.get(dut.o.valid) == bool(held)
            assert ctx.get(dut.i.ready) == (len(held) < 2)
            if held:
                assert ctx.get(dut.o.p) == held[0]
            puts, takes = rng.random() < put_rate, rng.random() < take_rate
            item = rng.randrange(256)
            ctx.set(dut.i.valid, puts)
            ctx.set(dut.i.p, item)
            ctx.set(dut.o.ready, takes)
            room = len(held) < 2
            await ctx.tick()
            if held and takes:
                held.popleft()
                left += 1
            if puts and room:
                held.append(item)
        assert left > CYCLES / 10

    run(dut, bench)

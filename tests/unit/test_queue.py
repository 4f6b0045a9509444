"""Queue: order, no loss, validity without delay, at every mixture of producer and consumer."""

import random
from collections import deque

import pytest
from weft_hw.parts.queue import Queue
from weft_sim.testing.bench import run

CYCLES = 600


@pytest.mark.parametrize("depth", [2, 4, 16])
@pytest.mark.parametrize(
    "put_rate, take_rate", [(1, 1), (1, 0.3), (0.3, 1), (0.5, 0.5), (0.9, 0.8)]
)
def test_against_a_deque(depth, put_rate, take_rate):
    rng = random.Random(f"{depth} {put_rate} {take_rate}")
    dut = Queue(8, depth=depth)

    async def bench(ctx):
        held, left = deque(), 0
        for _ in range(CYCLES):
            assert ctx.get(dut.o.valid) == bool(held)
            if held:
                assert ctx.get(dut.o.payload) == held[0]
            puts = len(held) < depth and rng.random() < put_rate
            item, ready = rng.randrange(256), rng.random() < take_rate
            ctx.set(dut.put, puts)
            ctx.set(dut.item, item)
            ctx.set(dut.o.ready, ready)
            takes = bool(held) and ready
            await ctx.tick()
            assert ctx.get(dut.taken) == takes
            if takes:
                held.popleft()
                left += 1
            if puts:
                held.append(item)
        assert left > CYCLES / 10

    run(dut, bench)


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_depth_is_a_power_of_two(depth):
    with pytest.raises(ValueError, match="a power of two from 2 on"):
        Queue(8, depth=depth)

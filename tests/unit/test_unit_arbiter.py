"""Unit arbiter: units of both sides pass in order and in turns, answers find their side."""

import pytest
from weft_hw.contract.config import get_config
from weft_hw.memory.unit_arbiter import UnitArbiter
from weft_sim.testing import bench

CONFIG = get_config("tiny")
COUNT = 60


def unit(side, n):
    return {"region": n % 5, "address": 1000 * side + n, "data": 7 * n + side}


@pytest.mark.parametrize("most", [0, 4], ids=["streaming", "stalling"])
def test_writes_pass_once_in_order_and_in_turns(most):
    dut, got = UnitArbiter(CONFIG), []

    def give(side):
        async def drive(ctx):
            units = [unit(side, n) for n in range(COUNT)]
            stall = bench.stalls(bench.generator(side), most)
            await bench.send(ctx, dut.sides[side].write, units, stall)

        return drive

    async def take(ctx):
        stall = bench.stalls(bench.generator(9), most)
        got.extend(await bench.recv(ctx, dut.write, 2 * COUNT, stall))

    async def stable(ctx):
        await bench.check_stable(ctx, dut.write)

    bench.run(dut, give(0), give(1), take, background=[stable], deadline=4000)
    order = [item["address"] // 1000 for item in got]
    for side in (0, 1):
        mine = [item for item in got if item["address"] // 1000 == side]
        expected = [unit(side, n) for n in range(COUNT)]
        assert [{name: item[name] for name in expected[0]} for item in mine] == expected
    if not most:
        assert order == [0, 1] * COUNT or order == [1, 0] * COUNT


@pytest.mark.parametrize("most", [0, 5], ids=["streaming", "stalling"])
def test_answers_find_their_side(most):
    """The memory answers one read at a time, after a while; an answer is its address, doubled."""
    dut, done = UnitArbiter(CONFIG), []

    def ask(side):
        async def drive(ctx):
            stall = bench.stalls(bench.generator(side), most)
            for n in range(COUNT):
                address = 1000 * side + n
                request = {"region": 0, "address": address}
                await bench.send(ctx, dut.sides[side].read, [request])
                assert await bench.recv(ctx, dut.sides[side].data, 1, stall) == [2 * address]
            done.append(side)

        return drive

    async def answer(ctx):
        rng = bench.generator(9)
        while True:
            [request] = await bench.recv(ctx, dut.read, 1)
            for _ in range(int(rng.integers(0, most + 1))):
                await ctx.tick()
            await bench.send(ctx, dut.data, [2 * request["address"]])

    bench.run(dut, ask(0), ask(1), background=[answer], deadline=8000)
    assert sorted(done) == [0, 1]

"""WindowProgram: a layer's entries over and over, and nothing of the layer before."""

import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import WINDOW
from weft_hw.contract.fields import pack
from weft_hw.engine.input.window_program import WindowProgram
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

CONFIG = get_config("tiny")
LATENCY = 5


def draw_entry(rng):
    return {field.name: int(rng.integers(0, 1 << field.width)) for field in WINDOW}


async def load(ctx, dut, entries):
    for address, entry in enumerate(entries):
        bench.assign(ctx, dut.load, enable=1, address=address, data=pack(WINDOW, entry))
        await ctx.tick()
    ctx.set(dut.load.enable, 0)


async def begin(ctx, dut, base, count):
    ctx.set(dut.base, base)
    ctx.set(dut.count, count)
    ctx.set(dut.begin, 1)
    await ctx.tick()
    ctx.set(dut.begin, 0)


def expected(entries, base, count, n):
    return entries[base + n % count], n % count == 0, n % count == count - 1


def plain(payload):
    window = {field.name: payload.window[field.name] for field in WINDOW}
    return window, bool(payload.first), bool(payload.last)


@pytest.mark.parametrize("most", [0, 4], ids=["streaming", "stalling"])
def test_repeats_the_entries(most):
    rng = bench.generator()
    entries = [draw_entry(rng) for _ in range(CONFIG.window_count)]
    dut = WindowProgram(CONFIG, Portable())

    async def watch(ctx):
        offered = None
        async for *_, begins, valid, ready, payload in ctx.tick().sample(
            dut.begin, dut.o.valid, dut.o.ready, dut.o.payload
        ):
            if offered is not None:
                assert valid and payload == offered
            # A begin drops what was offered.
            offered = payload if valid and not ready and not begins else None

    async def drive(ctx):
        await load(ctx, dut, entries)
        for base, count in [(0, 1), (0, 2), (5, 3), (7, 4), (11, 5), (100, 28), (127, 1), (0, 128)]:
            await begin(ctx, dut, base, count)
            payloads = await bench.recv(
                ctx, dut.o, int(rng.integers(1, 3 * count + 9)), bench.stalls(rng, most)
            )
            for n, payload in enumerate(payloads):
                assert plain(payload) == expected(entries, base, count, n), (base, count, n)

    bench.run(dut, drive, background=[watch], deadline=6000)


def test_latency_and_rate():
    rng = bench.generator(2)
    entries = [draw_entry(rng) for _ in range(9)]
    dut = WindowProgram(CONFIG, Portable())

    async def drive(ctx):
        await load(ctx, dut, entries)
        ctx.set(dut.o.ready, 1)
        for base, count in [(0, 1), (2, 7), (8, 1), (0, 9)]:
            await begin(ctx, dut, base, count)
            for _ in range(LATENCY - 1):
                assert not ctx.get(dut.o.valid)  # nor an entry of the layer before
                await ctx.tick()
            for n in range(25):
                assert ctx.get(dut.o.valid), n
                assert plain(ctx.get(dut.o.payload)) == expected(entries, base, count, n)
                await ctx.tick()

    bench.run(dut, drive, deadline=500)

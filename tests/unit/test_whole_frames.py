"""Frames leave without a gap, whatever their pace when they come."""

import random

import pytest
from weft_hw.link.whole_frames import WholeFrames
from weft_sim.testing.bench import run


@pytest.mark.parametrize("pace", [0.05, 0.5, 1.0])
def test_no_gap_within_a_frame(pace):
    rng = random.Random(5)
    frames = [rng.randbytes(size).replace(b"\0", b"\1") + b"\0" for size in (0, 1, 9, 31, 5, 2, 30)]
    stream, dut = b"".join(frames), WholeFrames(32)
    out, gaps = bytearray(), 0

    async def source(ctx):
        for byte in stream:
            while rng.random() > pace:
                await ctx.tick()
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, byte)
            await ctx.tick().until(dut.i.ready)
            ctx.set(dut.i.valid, 0)

    async def sink(ctx):
        nonlocal gaps
        ctx.set(dut.o.ready, 1)
        async for _, _, valid, byte in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                out.append(byte)
                if len(out) == len(stream):
                    return
            elif out and out[-1]:
                gaps += 1

    run(dut, sink, background=[source])
    assert bytes(out) == stream and gaps == 0


def test_a_frame_that_does_not_fit_is_passed_on():
    stream, dut, out = bytes(range(1, 100)) + b"\0", WholeFrames(16), bytearray()

    async def source(ctx):
        for byte in stream:
            ctx.set(dut.i.valid, 1)
            ctx.set(dut.i.payload, byte)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def sink(ctx):
        ctx.set(dut.o.ready, 1)
        async for _, _, valid, byte in ctx.tick().sample(dut.o.valid, dut.o.payload):
            if valid:
                out.append(byte)
                if len(out) == len(stream):
                    return

    run(dut, sink, background=[source], deadline=1_000)
    assert bytes(out) == stream

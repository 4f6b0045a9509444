"""A request's header byte by byte, and replies byte by byte, each by itself."""

import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.packet import REPLY_FIELDS, REQUEST_FIELDS, Request, Status
from weft_hw.link.header import RequestHeader
from weft_hw.link.reply import Reply
from weft_sim.testing import bench

CONSTANTS = {
    "version": 0x9A,
    "fingerprint": 0x0123456789ABCDEF,
    "buffer_bytes": 0xFEDC,
    "buffer_frames": 0,
    "clock_hz": 0xFFFFFFFF,
    "watchdog_cycles": 1,
}
FACTS = {"session": 32, "run": 16, "cycles": 32, "label": 32} | dict.fromkeys(
    ("frame_errors", "overruns", "expirations"), 16
)


def bodies(request, status, facts):
    """Return the bytes behind a reply's status, as ``docs/protocol.md`` has them."""
    if status is Status.SEQUENCE:
        return bytes([facts["expected"]])
    if status is not Status.OK:
        return b""
    fields = REPLY_FIELDS.get(request, ())
    return b"".join(
        (CONSTANTS | facts)[field.name].to_bytes(field.width // 8, "little") for field in fields
    )


@pytest.mark.parametrize("most", [0, 5], ids=["streaming", "stalling"])
def test_replies(most):
    rng = bench.generator()
    dut = Reply(CONSTANTS)
    cases = [(request, Status.OK) for request in Request]
    cases += [(Request.READ, Status.SEQUENCE), (Request.RUN, Status.SESSION)]

    async def drive(ctx):
        for request, status in cases:
            facts = {name: int(rng.integers(1 << bits)) for name, bits in FACTS.items()}
            facts |= {"expected": 255, "busy": int(rng.integers(2))}
            more = int(rng.integers(2))
            bench.assign(ctx, dut.facts, kind=int(request), sequence=7, **facts)
            ctx.set(dut.status, status)
            ctx.set(dut.more, more)
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            await ctx.tick().repeat(2)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            ctx.set(dut.active, 1)
            expected = bytes([request | 0x80, 7, status]) + bodies(request, status, facts)
            found, cycles, stall = b"", 0, bench.stalls(rng, most)
            while len(found) < len(expected):
                ready = stall() == 0
                ctx.set(dut.o.ready, ready)
                if "cycles" in {f.name for f in REPLY_FIELDS.get(request, ())} and found:
                    # It counts on; what was sent in part stays one number.
                    at = expected.find(facts["cycles"].to_bytes(4, "little"), 3)
                    if at < len(found) < at + 3:
                        ctx.set(dut.facts.cycles, int(rng.integers(1 << 32)))
                if ready and ctx.get(dut.o.valid):
                    last = len(found) == len(expected) - 1
                    assert ctx.get(dut.o.payload.last) == (last and not more)
                    assert ctx.get(dut.done) == last
                    found += bytes([ctx.get(dut.o.payload.data)])
                else:
                    assert not ctx.get(dut.done)
                await ctx.tick()
                cycles += 1
                assert cycles < 500
            assert found == expected, (request, status)
            if not most:
                assert cycles == 2 * len(expected)
            ctx.set(dut.active, 0)
            await ctx.tick()

    bench.run(dut, drive)


@pytest.mark.parametrize("gaps", [0, 3], ids=["streaming", "stalling"])
def test_header(gaps):
    rng = bench.generator()
    dut = RequestHeader(get_config("tiny"))

    async def drive(ctx):
        for request in (Request.WRITE, Request.PIXELS, Request.LABEL, Request.READ):
            ctx.set(dut.clear, 1)
            await ctx.tick()
            ctx.set(dut.clear, 0)
            values = {f.name: int(rng.integers(1 << f.width)) for f in REQUEST_FIELDS[request]}
            values |= {name: 5 for name in ("address", "count") if name in values}
            data = bytes([request, 0xA5]) + b"".join(
                values[f.name].to_bytes(f.width // 8, "little") for f in REQUEST_FIELDS[request]
            )
            for byte in data:
                for take in [0] * int(rng.integers(gaps + 1)) + [1]:
                    ctx.set(dut.take, take)
                    ctx.set(dut.byte, byte if take else 0xFF)
                    await ctx.tick()
            ctx.set(dut.take, 0)
            await ctx.tick().repeat(2)
            fields = dut.header.fields[request.name]
            assert (ctx.get(dut.header.kind), ctx.get(dut.header.sequence)) == (request, 0xA5)
            assert {name: ctx.get(fields[name]) for name in values} == values
            # Shorter requests end with their last byte, which the frame's length tells.
            assert ctx.get(dut.complete) == ("count" in values)
            if "count" in values:
                for _ in range(5):
                    ctx.set(dut.step, 1)
                    await ctx.tick()
                ctx.set(dut.step, 0)
                await ctx.tick().repeat(2)
                assert (ctx.get(fields.address), ctx.get(fields.count)) == (10, 0)
        ctx.set(dut.clear, 1)
        ctx.set(dut.greet, 1)
        ctx.set(dut.sequence, 0x42)
        await ctx.tick()
        assert (ctx.get(dut.header.kind), ctx.get(dut.header.sequence)) == (Request.RESET, 0x42)
        assert not ctx.get(dut.complete)

    bench.run(dut, drive)

"""What goes wrong on a core's link: refusals, damage, overruns, resets from any state."""

import pytest
from core_host import CONFIGS, frame, little, place, simulate
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request, Status

pytestmark = pytest.mark.slow


@CONFIGS
def test_refusals_change_nothing_and_stop_what_follows(config):
    async def bench(host):
        activation, read, write = Region.ACTIVATION, Request.READ, Request.WRITE
        assert await host.ask(Request.STATUS, sequence=0) == (Status.SESSION, b"")
        await host.reset()
        await host.ask(write, place(activation, 0, 2) + b"unharmed")
        pixels = [
            (activation, 0, 0, b"", Status.RANGE),
            (activation, 5, 0, b"12345", Status.RANGE),
            (activation, 3, 1, b"123456", Status.RANGE),
            (activation, 129, 1, b"12", Status.RANGE),
            (activation, 1, 3, b"12345678", Status.RANGE),
            (activation, 1, 4, b"1", Status.RANGE),
            (activation, 3, 0, b"1234", Status.LENGTH),
            (activation, 1, 1, b"1", Status.LENGTH),
            (Region.WEIGHT, 1, 0, b"1", Status.RANGE),
            (Region.COUNTER, 1, 0, b"1", Status.RANGE),
        ]
        if config.compact:
            pixels = [(*case[:4], Status.TYPE) for case in pixels]
        refused = [
            (write, place(activation, 511, 2) + b"12345678", Status.RANGE),
            (write, place(activation, 0xFFFFFF, 1) + b"1234", Status.RANGE),
            (write, place(activation, 0, 0), Status.RANGE),
            (write, place(activation, 0, 1) + b"12345", Status.LENGTH),
            (write, place(activation, 0, 2) + b"1234567", Status.LENGTH),
            (write, b"\0\0\0", Status.LENGTH),
            (write, place(Region.COUNTER, 0, 1) + b"1234", Status.RANGE),
            (write, place(200, 0, 1) + b"1234", Status.RANGE),
            *(
                (Request.PIXELS, place(region, 0, 1) + bytes([channels, packing]) + data, status)
                for region, channels, packing, data, status in pixels
            ),
            (read, place(Region.WEIGHT, 0, 1), Status.RANGE),
            (read, place(activation, 512, 1), Status.RANGE),
            *((read, place(activation, 0, (1 << bit) + 1), Status.RANGE) for bit in range(9, 16)),
            (read, place(activation, 0, 1) + b"1", Status.LENGTH),
            (Request.RUN, little((0, 2), (17, 2), (0, 2)), Status.RANGE),
            (Request.RUN, little((255, 2), (255, 2), (0, 2)), Status.RANGE),
            (Request.RUN, little((0, 2), (0, 2), (0, 2)), Status.RANGE),
            *(
                (Request.RUN, little((first, 2), (count, 2), (0, 2)), Status.RANGE)
                for bit in range(4, 16)
                for first, count in [(1 << bit, 1), (0, (1 << bit) + 1)]
            ),
            # There is no memory beside the chip.
            (write, place(Region.DRAM, 0, 1) + bytes(16), Status.RANGE),
            (read, place(Region.DRAM, 0, 1), Status.RANGE),
            (Request.RESET, b"123", Status.LENGTH),
            (0, b"", Status.TYPE),
            (99, b"12345678901234567890", Status.TYPE),
        ]
        here = host.sequence
        for kind, body, status in refused:
            assert await host.ask(kind, body, sequence=here) == (status, b""), (kind, body)
            # The same number is expected still: what was sent after a refusal is refused too.
            for other in (here + 1, here - 1):
                assert await host.ask(Request.STATUS, sequence=other) == (
                    Status.SEQUENCE,
                    bytes([here]),
                )
        assert await host.ask(read, place(activation, 0, 2)) == (0, b"unharmed")

    simulate(bench, config=config)


@CONFIGS
def test_garbage_and_damage_are_counted_and_harmless(config):
    async def bench(host):
        await host.send(b"\x05abc\0\0\0\xff" + bytes(range(1, 60)) + b"\0")
        await host.reset()
        good = frame(Request.WRITE, 1, place(Region.ACTIVATION, 0, 1) + b"good")
        await host.send(good)
        assert (await host.receive())[2] == Status.OK
        for at in range(len(good)):
            await host.send(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        await host.send(good[:9] + good)  # cut off, begun again
        await host.send(b"\0")
        host.sequence = 2
        status, body = await host.ask(Request.READ, place(Region.ACTIVATION, 0, 1))
        assert (status, body) == (0, b"good")

    simulate(bench, config=config)


def test_overrun_drops_whole_frames():
    async def bench(host):
        await host.reset()
        wait = frame(Request.RUN, 1, little((0, 2), (16, 2), (1, 2))) + frame(Request.WAIT, 2)
        status = [frame(Request.STATUS, 3 + at) for at in range(6)]
        await host.send(wait + b"".join(status))
        replies = [await host.receive() for _ in range(6)]
        assert [reply[:3] for reply in replies] == [
            bytes([0x86, 1, 0]),
            bytes([0x87, 2, 0]),
            *(bytes([0x83, at, 0]) for at in range(3, 7)),
        ]
        host.sequence = 7
        (_, body) = await host.ask(Request.STATUS)
        assert body[9:11] == little((2, 2))

    simulate(bench)


@CONFIGS
@pytest.mark.parametrize("state", ["mid-frame", "endless run", "full queue", "mid-reply"])
def test_reset_from_any_state(state, config):
    async def bench(host):
        await host.reset()
        await host.ask(Request.WRITE, place(Region.ACTIVATION, 0, 40) + bytes(160))
        if state == "mid-frame":
            whole = frame(Request.WRITE, 2, place(Region.ACTIVATION, 0, 4) + bytes(16))
            await host.send(whole[:12] + b"\0")
        elif state == "mid-reply":
            await host.send(frame(Request.READ, 2, place(Region.ACTIVATION, 0, 512)))
            await host.ctx.tick().repeat(2000)  # nobody takes the reply
        else:
            await host.ask(Request.RUN, little((15, 2), (1, 2), (1, 2)))
            await host.send(frame(Request.WAIT, 3) * (12 if state == "full queue" else 1))
        host.ctx.set(host.core.tx.ready, 0)
        await host.send(frame(Request.RESET, 200, b"anew"))
        await host.ctx.tick().repeat(100)
        assert not host.ctx.get(host.core.busy)
        reply = await host.receive()
        while reply[:1] != b"\x82":
            reply = await host.receive()
        assert reply == bytes([0x82, 200, 0]) + b"anew"
        host.sequence = 201
        assert (await host.ask(Request.READ, place(Region.ACTIVATION, 39, 1))) == (0, bytes(4))

    simulate(bench, config=config)


def test_watchdog_frees_the_engine():
    async def bench(host):
        await host.reset()
        await host.ask(Request.RUN, little((15, 2), (1, 2), (1, 2)))
        for _ in range(3):  # a host that speaks keeps its run
            await host.ctx.tick().repeat(800)
            await host.ask(Request.STATUS)
            assert host.ctx.get(host.core.busy)
        await host.ctx.tick().repeat(1001)
        assert not host.ctx.get(host.core.busy)
        assert await host.ask(Request.STATUS) == (Status.SESSION, b"")
        await host.reset()
        (_, body) = await host.ask(Request.STATUS)
        assert body[11:13] == little((1, 2))

    simulate(bench, watchdog_cycles=1000)

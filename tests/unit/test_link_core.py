"""Core with plain memories behind it, in the Amaranth simulator: every request, every refusal."""

from dataclasses import replace

import pytest
from core_host import COMPACT, CONFIGS, STALLS, frame, little, place, simulate
from weft_hw.contract.config import get_config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request, Status
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

pytestmark = pytest.mark.slow


@STALLS
@CONFIGS
def test_every_request(stalls, config):
    async def bench(host):
        status, body = await host.ask(Request.HELLO)
        assert status == Status.OK
        assert body == little((3, 1), (fingerprint(config), 8), (256, 2), (4, 1), (7, 4), (999, 4))
        await host.reset()
        data = bytes(range(4, 16)) + b"\0\0\xff\0"
        assert await host.ask(Request.WRITE, place(Region.ACTIVATION, 508, 4) + data) == (0, b"")
        assert await host.ask(Request.READ, place(Region.ACTIVATION, 509, 3)) == (0, data[4:])
        assert await host.ask(Request.READ, place(Region.COUNTER, 63, 1)) == (0, little((63, 4)))
        assert await host.ask(Request.LABEL, little((0xCAFE, 4))) == (0, b"")
        assert await host.ask(Request.RUN, little((0, 2), (3, 2), (77, 2))) == (0, b"")
        cycles = 3 * CYCLES_PER_DESCRIPTOR
        assert await host.ask(Request.WAIT) == (0, little((77, 2), (cycles, 4)))
        assert await host.ask(Request.STATUS) == (
            0,
            little((0, 1), (77, 2), (cycles, 4), (0, 2), (0, 2), (0, 2), (0xCAFE, 4)),
        )
        await host.ask(Request.WRITE, place(Region.PARAMETER, 0, 1) + bytes(9))
        assert (await host.ask(Request.STATUS))[1][-4:] == bytes(4)

    simulate(bench, config=config, stalls=stalls, clock_hz=7, watchdog_cycles=999)


@STALLS
def test_pixels_get_their_zeros_back(stalls):
    """Of a unit of 4 bytes: 3 channels, 1 channel, and two pixels of 1 channel."""

    async def bench(host):
        await host.reset()
        for channels, packing, data, whole in [
            (3, 0, b"abcdef", b"abc\0def\0"),
            (1, 0, b"ab", b"a\0\0\0b\0\0\0"),
            (1, 1, b"abcd", b"a\0b\0c\0d\0"),
            (2, 1, b"abcdefgh", b"abcdefgh"),
            (1, 2, b"abcdefgh", b"abcdefgh"),
            (4, 0, b"abcdefgh", b"abcdefgh"),
        ]:
            await host.ask(Request.WRITE, place(Region.ACTIVATION, 6, 4) + b"\xff" * 16)
            body = place(Region.ACTIVATION, 7, 2) + bytes([channels, packing]) + data
            assert await host.ask(Request.PIXELS, body) == (Status.OK, b"")
            around = (Status.OK, b"\xff" * 4 + whole + b"\xff" * 4)
            assert await host.ask(Request.READ, place(Region.ACTIVATION, 6, 4)) == around

    simulate(bench, stalls=stalls)


def test_a_unit_holds_four_pixels_at_most():
    """Of 16 bytes: four pixels of 3 channels are taken, eight of 1 channel are not."""

    async def bench(host):
        await host.reset()
        body = place(Region.ACTIVATION, 0, 1) + bytes([3, 2]) + b"abcdefghijkl"
        assert await host.ask(Request.PIXELS, body) == (Status.OK, b"")
        whole = (Status.OK, b"abc\0def\0ghi\0jkl\0")
        assert await host.ask(Request.READ, place(Region.ACTIVATION, 0, 1)) == whole
        body = place(Region.ACTIVATION, 0, 1) + bytes([1, 3]) + b"12345678"
        assert await host.ask(Request.PIXELS, body) == (Status.RANGE, b"")

    simulate(bench, config=replace(get_config("ulx3s-85f"), dram_bytes=0))


def test_a_compact_configuration_has_no_pixels():
    async def bench(host):
        await host.reset()
        body = place(Region.ACTIVATION, 0, 1) + b"\1\0a"
        assert await host.ask(Request.PIXELS, body) == (Status.TYPE, b"")

    simulate(bench, config=COMPACT)


def test_short_requests_take_as_long_as_the_protocol_page_says():
    """From the closing zero of the request to that of the reply, in cycles."""
    most = {
        (Request.HELLO, b""): 82,
        (Request.RESET, little((5, 4))): 168,
        (Request.STATUS, b""): 75,
        (Request.LABEL, little((5, 4))): 45,
    }

    async def bench(host):
        for sequence, ((kind, body), cycles) in enumerate(most.items(), start=-1):
            await host.send(frame(kind, max(sequence, 0), body))
            host.ctx.set(host.core.tx.ready, 1)
            taken, begun, ended = 0, False, False
            while not ended:
                valid, byte = host.ctx.get(host.core.tx.valid), host.ctx.get(host.core.tx.payload)
                begun, ended = begun or (valid and byte), begun and valid and not byte
                await host.ctx.tick()
                taken += 1
            host.ctx.set(host.core.tx.ready, 0)
            assert taken == cycles, kind

    simulate(bench)


def test_long_writes_move_a_byte_per_cycle():
    async def bench(host):
        await host.reset()
        units, count = 341, 8  # 1,023 bytes of weights in each of 8 frames, without a pause
        wire = b"".join(
            frame(Request.WRITE, 1 + at, place(Region.WEIGHT, units * at, units) + bytes(3 * units))
            for at in range(count)
        )
        host.ctx.set(host.core.tx.ready, 1)
        await host.send(wire)
        cycles = 0
        while host.ctx.get(host.core.active):
            await host.ctx.tick()
            cycles += 1
        # The last frame is carried out once it is whole; before it, each costs 1 % more than a
        # byte per cycle at most.
        assert cycles < 3 * units + 0.01 * len(wire) + 60
        host.ctx.set(host.core.tx.ready, 0)
        host.sequence = 1 + count
        (status, body) = await host.ask(Request.STATUS)
        assert (status, body[7:13]) == (Status.OK, bytes(6))  # no error, no overrun

    simulate(bench, buffer_bytes=4096)

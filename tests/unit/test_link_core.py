"""Core with plain memories behind it, in the Amaranth simulator: every request, every refusal."""

import random
import zlib
from dataclasses import replace

import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.fingerprint import fingerprint
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request, Status
from weft_hw.core import Core
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR, MemoryEngine
from weft_sim.testing.bench import run

pytestmark = pytest.mark.slow

TINY = get_config("tiny")
COMPACT = replace(TINY, compact=True)


def encode(data: bytes) -> bytes:
    """COBS as its inventors describe it, byte by byte."""
    blocks, block = [], bytearray()
    for byte in [*data, 0]:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            blocks.append(bytes([len(block) + 1, *block]))
            block.clear()
    return b"".join(blocks)


def decode(data: bytes) -> bytes:
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        out += data[at + 1 : at + code]
        at += code
        if code != 255 and at < len(data):
            out.append(0)
    return bytes(out)


def frame(kind: int, sequence: int, body: bytes = b"") -> bytes:
    content = bytes([kind, sequence]) + body
    return encode(content + zlib.crc32(content).to_bytes(4, "little")) + b"\0"


def little(*pairs: tuple[int, int]) -> bytes:
    return b"".join(value.to_bytes(size, "little") for value, size in pairs)


def place(region: int, address: int, count: int) -> bytes:
    return little((region, 1), (address, 3), (count, 2))


class Host:
    """The other end of the wire: sends frames, checks the CRC of replies."""

    def __init__(self, ctx, core, stall=lambda: 0):
        self.ctx, self.core, self.stall, self.sequence = ctx, core, stall, 0

    async def send(self, data: bytes):
        for byte in data:
            for _ in range(self.stall()):
                await self.ctx.tick()
            self.ctx.set(self.core.rx.payload, byte)
            self.ctx.set(self.core.rx.valid, 1)
            await self.ctx.tick()
            self.ctx.set(self.core.rx.valid, 0)

    async def receive(self) -> bytes:
        """Return type, sequence number, status and body of the next frame."""
        raw = bytearray()
        while True:
            for _ in range(self.stall()):
                await self.ctx.tick()
            self.ctx.set(self.core.tx.ready, 1)
            (byte,) = await self.ctx.tick().sample(self.core.tx.payload).until(self.core.tx.valid)
            self.ctx.set(self.core.tx.ready, 0)
            if byte:
                raw.append(byte)
            elif raw:
                content = decode(bytes(raw))
                assert zlib.crc32(content[:-4]).to_bytes(4, "little") == content[-4:]
                return content[:-4]

    async def ask(self, kind: int, body: bytes = b"", sequence: int | None = None):
        """Return status and body of the reply to a request."""
        if sequence is None:
            sequence = self.sequence
            self.sequence += kind != Request.HELLO
        await self.send(frame(kind, sequence % 256, body))
        reply = await self.receive()
        assert reply[:2] == bytes([kind | 0x80, sequence % 256])
        return reply[2], reply[3:]

    async def reset(self, session: int = 0x12345678):
        body = little((session, 4))
        assert await self.ask(Request.RESET, body) == (Status.OK, body)


def make_core(config=TINY, buffer_bytes=256, **options):
    return Core(
        config, engine=MemoryEngine(config), buffer_bytes=buffer_bytes, buffer_frames=4, **options
    )


def simulate(bench, *, stalls=(0,), deadline=20_000, **options):
    rng = random.Random(5)
    core = make_core(**options)

    async def host_bench(ctx):
        await bench(Host(ctx, core, lambda: rng.choice(stalls)))

    run(core, host_bench, deadline=deadline)


CONFIGS = pytest.mark.parametrize("config", [TINY, COMPACT], ids=["tiny", "compact"])
STALLS = pytest.mark.parametrize("stalls", [(0,), (0, 0, 1, 5)], ids=["streaming", "stalling"])


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

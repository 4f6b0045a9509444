"""The other end of a core's link, in the Amaranth simulator."""

import random
from dataclasses import replace

import pytest
from links.wire import decode, encode, little
from weft_hw.contract.config import get_config
from weft_hw.contract.packet import Request, Status
from weft_hw.core import Core
from weft_sim.memory_engine import MemoryEngine
from weft_sim.testing.bench import run

TINY = get_config("tiny")
COMPACT = replace(TINY, compact=True)


def frame(kind: int, sequence: int, body: bytes = b"") -> bytes:
    return encode(bytes([kind, sequence]) + body)


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
                assert content, "a damaged frame"
                return content

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

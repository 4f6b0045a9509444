"""A WRITE of two units arrives, is carried out and answered."""

from collections.abc import Mapping

from weft.driver import cobs
from weft_hw.contract.config import get_config
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import REQUEST_FIELDS, Request, seal_frame
from weft_hw.core import Core
from weft_sim.memory_engine import MemoryEngine
from weft_sim.testing.bench import send
from weft_sim.testing.record import record

from diagrams.waves import bits, draw, numbers

__all__ = ["packet"]

CONFIG = get_config("tiny")
UNITS = bytes.fromhex("11121314 21222324")
RESET_CYCLES = 300  # more than a RESET and its reply take
BEFORE, CYCLES = 1, 88  # cycles shown before the first byte, and in all


def request(kind: Request, sequence: int, values: Mapping[str, int], data: bytes = b"") -> bytes:
    """Return a frame as it goes over the wire."""
    fields = REQUEST_FIELDS[kind]
    body = pack(fields, values).to_bytes(sum(field.width for field in fields) // 8, "little")
    return cobs.encode(seal_frame(bytes([kind, sequence]) + body + data)) + b"\0"


def packet() -> str:
    """Return an SVG: bytes that come, the engine's memory port, bytes that go."""
    core = Core(CONFIG, engine=MemoryEngine(CONFIG), buffer_bytes=256, buffer_frames=4)
    place = {"region": Region.ACTIVATION, "address": 0, "count": 2}
    write = request(Request.WRITE, 1, place, UNITS)
    reset = request(Request.RESET, 0, {"session": 1})

    async def bench(ctx):
        ctx.set(core.tx.ready, 1)
        await send(ctx, core.rx, reset)
        await ctx.tick().repeat(RESET_CYCLES)
        await send(ctx, core.rx, write)
        await ctx.tick().repeat(CYCLES)

    first = len(reset) + RESET_CYCLES - BEFORE
    streams = {"rx": "rx", "commands.write": "write", "tx": "tx"}
    names = [f"{stream}__{part}" for stream in streams for part in ("valid", "ready")]
    values = {
        name: found[first : first + CYCLES]
        for name, found in record(core, bench, [*names, "rx__payload", "tx__payload"]).items()
    }
    lanes = []
    for name, label in streams.items():
        moved = [
            bool(v and r)
            for v, r in zip(values[f"{name}__valid"], values[f"{name}__ready"], strict=True)
        ]
        lanes.append(bits(label, moved))
        if payload := values.get(f"{name}__payload"):
            hexa = [f"{v:02x}" if ok else None for v, ok in zip(payload, moved, strict=True)]
            lanes.append(numbers("", hexa))
    return draw(lanes, CYCLES, narrow=True)

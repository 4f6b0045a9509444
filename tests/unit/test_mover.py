"""Mover: every region, both ways, any number of units and rows; near the port's peak."""

from dataclasses import dataclass, replace
from math import ceil

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.timing import QUEUED_MOVES
from weft_hw.memory.mover import Mover
from weft_sim.testing import bench
from weft_sim.testing.behavioural_memory import BehaviouralMemory

MEMORY_BYTES = 1 << 16
WIDE = replace(get_config("ulx3s-85f"), name="wide", dram_bytes=MEMORY_BYTES)
NARROW = replace(get_config("ulx3s-12f"), name="narrow", dram_bytes=MEMORY_BYTES)
SMALL = replace(get_config("tiny"), name="small", dram_bytes=MEMORY_BYTES)
LOADED = [
    region
    for region, memory in memory_map(WIDE).items()
    if memory.writable and region is not Region.DRAM
]
STORED = [Region.ACTIVATION, Region.COUNTER]


@dataclass
class Rig:
    """A mover between a memory of its own and units that a test keeps."""

    config: Config
    word_bytes: int = 2
    latency: int = 0
    stall: int = 0

    def __post_init__(self):
        self.mover = Mover(self.config, self.word_bytes)
        self.memory = BehaviouralMemory(
            self.mover.port.signature, latency=self.latency, stall=self.stall, seed=3
        )
        self.top = Module()
        self.top.submodules.mover, self.top.submodules.memory = self.mover, self.memory
        wiring.connect(self.top, self.mover.port, self.memory.port)
        self.units: dict[tuple[int, int], bytes] = {}
        self.done: list[int] = []  # cycles in which a move was done
        self.bursts: list[tuple[int, int]] = []

    def size(self, region: int) -> int:
        return memory_map(self.config)[Region(region)].unit_bytes

    async def run(self, ctx, moves, stall=bench.no_stall, read_latency=4, write_gap=1):
        """Carry out ``moves``; a unit is taken every ``1 + write_gap`` cycles, at best."""
        mover, waiting, cycle, answer_at, gap = self.mover, 0, 0, None, 0
        pending = list(moves)
        ctx.set(mover.layers, 5)
        ctx.set(mover.written, 1)
        while len(self.done) < len(moves):
            put = bool(pending) and waiting < QUEUED_MOVES
            ctx.set(mover.put, put)
            if put:
                ctx.set(mover.move, pending.pop(0))
            ctx.set(mover.write.ready, gap == 0)
            ctx.set(mover.read.ready, answer_at is None)
            waiting += put - ctx.get(mover.begun)
            if ctx.get(mover.done):
                self.done.append(cycle)
            port = mover.port.command
            if ctx.get(port.valid) and ctx.get(port.ready):
                self.bursts.append((ctx.get(port.p.address), ctx.get(port.p.length)))
            if gap == 0 and ctx.get(mover.write.valid):
                unit = ctx.get(mover.write.p)
                size = self.size(unit.region)
                self.units[unit.region, unit.address] = (unit.data & (1 << 8 * size) - 1).to_bytes(
                    size, "little"
                )
                gap = write_gap + stall()
            elif gap:
                gap -= 1
            if answer_at is None and ctx.get(mover.read.valid):
                place = ctx.get(mover.read.p)
                answer_at = cycle + read_latency + stall()
                data = self.units.get((place.region, place.address), b"\xee" * 16)
                ctx.set(mover.data.p, int.from_bytes(data, "little"))
            elif answer_at is not None and cycle >= answer_at:
                ctx.set(mover.data.valid, 1)
                if ctx.get(mover.data.ready):
                    answer_at = None
            await ctx.tick()
            if answer_at is None:
                ctx.set(mover.data.valid, 0)
            cycle += 1
        ctx.set(mover.put, 0)

    def fill(self, ctx, rng):
        """Fill the memory beside the chip with noise; return it."""
        data = rng.bytes(MEMORY_BYTES)
        for index in range(MEMORY_BYTES // self.word_bytes):
            at = index * self.word_bytes
            ctx.set(
                self.memory.memory.data[index],
                int.from_bytes(data[at : at + self.word_bytes], "little"),
            )
        return data

    def content(self, ctx) -> bytes:
        return b"".join(
            ctx.get(self.memory.memory.data[index]).to_bytes(self.word_bytes, "little")
            for index in range(MEMORY_BYTES // self.word_bytes)
        )


def blocks(move, size):
    return ceil(move["count"] * size / DRAM_BLOCK_BYTES)


def row_places(move):
    """Return the first unit and the first byte of each row."""
    return [
        (
            move["unit"] + r * move["unit_step"],
            DRAM_BLOCK_BYTES * (move["block"] + r * move["block_step"]),
        )
        for r in range(move["rows"])
    ]


def random_move(rng, rig, region, count):
    """Return the fields of a move but for its block, and the blocks from there to its end."""
    rows = int(rng.integers(1, 4))
    step = blocks({"count": count}, rig.size(region)) + int(rng.integers(0, 3))
    move = {
        "region": region,
        "count": count,
        "rows": rows,
        "unit": int(rng.integers(0, 4096)),
        "unit_step": count + int(rng.integers(0, 100)),
        "block_step": step,
        "layers": 5,
    }
    return move, rows * step


@pytest.mark.parametrize("latency,stall", [(0, 0), (15, 7)], ids=["streaming", "stalling"])
@pytest.mark.parametrize(
    "config,word_bytes",
    [(WIDE, 2), (WIDE, 4), (SMALL, 2), (SMALL, 1)],
    ids=lambda value: getattr(value, "name", value),
)
def test_loads(config, word_bytes, latency, stall):
    rng = bench.generator()
    rig = Rig(config, word_bytes, latency, stall)
    moves = []
    for region in LOADED:
        for count in [1, 2, 3, 5, 16, 17, int(rng.integers(30, 60))]:
            move, length = random_move(rng, rig, region, count)
            last = MEMORY_BYTES // DRAM_BLOCK_BYTES - length
            moves.append(move | {"block": int(rng.integers(0, last))})

    async def drive(ctx):
        memory = rig.fill(ctx, rng)
        expected = {}
        for move in moves:
            size = rig.size(move["region"])
            for unit, at in row_places(move):
                for n in range(move["count"]):
                    expected[move["region"], unit + n] = memory[at + n * size :][:size]
        await rig.run(ctx, moves, bench.stalls(rng, 3 if stall else 0))
        assert rig.units == expected
        assert rig.content(ctx) == memory

    bench.run(rig.top, drive, deadline=100_000)


@pytest.mark.parametrize("latency,stall", [(0, 0), (15, 7)], ids=["streaming", "stalling"])
@pytest.mark.parametrize(
    "config,word_bytes",
    [(WIDE, 2), (WIDE, 4), (SMALL, 2), (SMALL, 1)],
    ids=lambda value: getattr(value, "name", value),
)
def test_stores(config, word_bytes, latency, stall):
    rng = bench.generator()
    rig = Rig(config, word_bytes, latency, stall)
    moves, block = [], 1
    for region in STORED:
        for count in [1, 2, 3, 4, 5, 16, 17, int(rng.integers(30, 60))]:
            move, length = random_move(rng, rig, region, count)
            moves.append(move | {"block": block, "store": 1})
            block += length + 1

    async def drive(ctx):
        expected = bytearray(rig.fill(ctx, rng))
        padding = []
        for region, unit in [
            (move["region"], unit + n)
            for move in moves
            for unit, _ in row_places(move)
            for n in range(move["count"])
        ]:
            rig.units[region, unit] = rng.bytes(rig.size(region))
        for move in moves:
            size = rig.size(move["region"])
            for unit, at in row_places(move):
                for n in range(move["count"]):
                    expected[at + n * size : at + n * size + size] = rig.units[
                        move["region"], unit + n
                    ]
                used = move["count"] * size
                padding += range(at + used, at + blocks(move, size) * DRAM_BLOCK_BYTES)
        units = dict(rig.units)
        await rig.run(ctx, moves, bench.stalls(rng, 3 if stall else 0))
        content = bytearray(rig.content(ctx))
        for at in padding:
            content[at] = expected[at]
        wrong = [at for at in range(MEMORY_BYTES) if content[at] != expected[at]]
        assert not wrong, wrong[:20]
        assert rig.units == units

    bench.run(rig.top, drive, deadline=100_000)


@pytest.mark.parametrize(
    "word_bytes,config,region,store",
    [
        (2, WIDE, Region.WEIGHT, 0),
        (2, WIDE, Region.ACTIVATION, 0),
        (2, WIDE, Region.WINDOW, 0),
        (2, NARROW, Region.ACTIVATION, 0),
        (2, NARROW, Region.WEIGHT, 0),
        (2, WIDE, Region.ACTIVATION, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [1, 8])
def test_long_moves_come_near_the_peak(word_bytes, config, region, store, rows):
    """The memory gives or takes a word in every cycle; 9 of 10 are used."""
    rig = Rig(config, word_bytes)
    size = rig.size(region)
    count = 4096 // size // rows
    step = blocks({"count": count}, size)
    move = {
        "region": region,
        "count": count,
        "rows": rows,
        "unit_step": count,
        "block_step": step,
        "store": store,
    }

    async def drive(ctx):
        await rig.run(ctx, [move, move, move], read_latency=5)
        words = ceil(size * count / word_bytes) * rows
        assert rig.done[1] - rig.done[0] == rig.done[2] - rig.done[1]
        assert words >= 0.9 * (rig.done[2] - rig.done[1])

    bench.run(rig.top, drive, deadline=20_000)

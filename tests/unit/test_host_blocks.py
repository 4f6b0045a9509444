"""Host blocks: what the link writes and reads finds its memory, beside the chip or on it."""

from dataclasses import replace
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_hw.memory.host_blocks import HostBlocks
from weft_sim.testing import bench
from weft_sim.testing.behavioural_memory import BehaviouralMemory

MEMORY_BYTES = 1 << 12
CONFIG = replace(get_config("tiny"), name="beside", dram_bytes=MEMORY_BYTES)
REGIONS = [Region.ACTIVATION, Region.WEIGHT, Region.DRAM]
PLACES, UNIT_BITS = 12, 128


class Rig:
    """The blocks between a memory beside the chip and units that the test keeps."""

    def __init__(self, **moods):
        self.blocks = HostBlocks(CONFIG, 2)
        self.memory = BehaviouralMemory(self.blocks.port.signature, **moods)
        self.top = Module()
        self.top.submodules.blocks, self.top.submodules.memory = self.blocks, self.memory
        wiring.connect(self.top, self.blocks.port, self.memory.port)
        self.chip = {}

    async def take(self, ctx, stall):
        while True:
            [unit] = await bench.recv(ctx, self.blocks.chip_write, 1, stall)
            assert unit["region"] != Region.DRAM
            self.chip[unit["region"], unit["address"]] = unit["data"]

    async def answer(self, ctx, stall):
        while True:
            [place] = await bench.recv(ctx, self.blocks.chip_read, 1, stall)
            assert place["region"] != Region.DRAM
            await bench.send(
                ctx,
                self.blocks.chip_data,
                [self.chip.get((place["region"], place["address"]), 0)],
                stall,
            )


@pytest.mark.parametrize(
    "moods, most",
    [({}, 0), ({"latency": 15, "stall": 6}, 0), ({"latency": 15, "stall": 6}, 4)],
    ids=["streaming", "slow", "stalling"],
)
def test_a_read_sees_what_was_written_before_it(moods, most):
    rig, reads = Rig(**moods), []

    async def link(ctx):
        rng, kept, blocks = bench.generator(4), {}, rig.blocks
        stall = bench.stalls(rng, most)
        for _ in range(60):
            for _ in range(int(rng.integers(0, 5))):
                region = REGIONS[int(rng.integers(0, len(REGIONS)))]
                unit = {
                    "region": region,
                    "address": int(rng.integers(0, PLACES)),
                    "data": int.from_bytes(rng.bytes(UNIT_BITS // 8), "little"),
                }
                kept[unit["region"], unit["address"]] = unit["data"]
                await bench.send(ctx, blocks.write, [unit], stall)
            if kept:
                region, address = list(kept)[int(rng.integers(0, len(kept)))]
                request = {"region": region, "address": address}
                await bench.send(ctx, blocks.read, [request], stall)
                assert await bench.recv(ctx, blocks.data, 1, stall) == [kept[region, address]]
                reads.append(region)

    def stalling(part, seed):
        async def drive(ctx):
            await part(ctx, bench.stalls(bench.generator(seed), most))

        return drive

    async def commands_are_stable(ctx):
        await bench.check_stable(ctx, rig.blocks.port.command)

    bench.run(
        rig.top,
        link,
        background=[stalling(rig.take, 5), stalling(rig.answer, 6), commands_are_stable],
        deadline=20_000,
    )
    assert set(reads) == set(REGIONS) and len(reads) > 50


@pytest.mark.parametrize("region, cycles", [(Region.ACTIVATION, 2), (Region.DRAM, 12)])
def test_units_in_a_row(region, cycles):
    """A unit for the chip every 2 cycles, a block before its 16 bytes could have come."""
    rig, count = Rig(), 40
    taken: list[int] = []

    async def link(ctx):
        units = [{"region": region, "address": n, "data": n} for n in range(count)]
        await bench.send(ctx, rig.blocks.write, units)

    async def take(ctx):
        await rig.take(ctx, bench.no_stall)

    async def watch(ctx):
        write, cycle = rig.blocks.write, 0
        async for *_, valid, ready in ctx.tick().sample(write.valid, write.ready):
            cycle += 1
            if valid and ready:
                taken.append(cycle)

    bench.run(rig.top, link, background=[take, watch], deadline=2000)
    assert len(taken) == count and taken[-1] - taken[0] <= cycles * (count - 1)
    assert all(b - a > 1 for a, b in pairwise(taken)), "the writer's rule"

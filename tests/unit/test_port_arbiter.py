"""Port arbiter: two sides share the port fairly; a reset at any cycle leaves it usable."""

from itertools import pairwise
from typing import Any

import pytest
from amaranth.hdl import Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.memory.port import Port
from weft_hw.memory.port_arbiter import PortArbiter
from weft_sim.testing import bench
from weft_sim.testing.behavioural_memory import BehaviouralMemory

PORT = Port(4096)
RESET = 20  # cycles


class Rig:
    def __init__(self, **moods):
        self.arbiter, self.memory = PortArbiter(PORT), BehaviouralMemory(PORT, seed=9, **moods)
        self.top = Module()
        self.top.submodules.arbiter, self.top.submodules.memory = self.arbiter, self.memory
        wiring.connect(self.top, self.arbiter.port, self.memory.port)

    def side(self, index):
        return self.arbiter.sides[index]


async def write(ctx, side, address, words):
    await bench.send(ctx, side.command, [{"write": 1, "address": address, "length": len(words)}])
    await bench.send(ctx, side.write, words)


async def read(ctx, side, address, count):
    await bench.send(ctx, side.command, [{"write": 0, "address": address, "length": count}])
    return await bench.recv(ctx, side.read, count)


@pytest.mark.parametrize("moods", [{}, {"latency": 15, "stall": 6}], ids=["prompt", "slow"])
def test_both_sides_find_what_they_wrote(moods):
    rig, left = Rig(**moods), [0, 1]

    def user(index):
        async def drive(ctx):
            rng, kept, side = bench.generator(index), {}, rig.side(index)
            for _ in range(25):
                count = int(rng.integers(1, 40))
                address = 1024 * index + int(rng.integers(0, 1024 - count))
                words = [int(word) for word in rng.integers(0, 1 << 16, count)]
                await write(ctx, side, address, words)
                kept |= {address + n: word for n, word in enumerate(words)}
                for _ in range(int(rng.integers(0, 20))):
                    await ctx.tick()
                first = address + int(rng.integers(0, count))
                expected = [kept[n] for n in range(first, address + count)]
                assert await read(ctx, side, first, len(expected)) == expected
            left.remove(index)

        return drive

    async def port_is_stable(ctx):
        await bench.check_stable(ctx, rig.memory.port.command)

    async def words_are_stable(ctx):
        await bench.check_stable(ctx, rig.memory.port.write)

    bench.run(
        rig.top, user(0), user(1), background=[port_is_stable, words_are_stable], deadline=60_000
    )
    assert not left


@pytest.mark.parametrize("first", [0, 1])
def test_they_take_turns(first):
    """While one side always asks, the other one gets a burst between two of its own."""
    rig, order = Rig(), []

    def user(index):
        async def drive(ctx):
            for n in range(6):
                await bench.send(
                    ctx, rig.side(index).command, [{"write": 0, "address": 64 * n, "length": 16}]
                )
                order.append(index)

        return drive

    def reader(index):
        async def drive(ctx):
            ctx.set(rig.side(index).read.ready, 1)
            while True:
                await ctx.tick()

        return drive

    bench.run(
        rig.top, user(first), user(1 - first), background=[reader(0), reader(1)], deadline=2000
    )
    assert all(a != b for a, b in pairwise(order[1:])), order


class _Greedy(wiring.Component):
    """A side that asks for bursts without end, and takes or gives the words that it owes."""

    port: Any  # interface of Port

    def __init__(self, *, writes: bool):
        self._writes = writes
        super().__init__({"port": Out(PORT)})

    def elaborate(self, platform):
        m = Module()
        port, owed, awake = self.port, Signal(8), Signal()
        m.d.sync += awake.eq(1)  # while it is reset, it offers nothing
        m.d.comb += [
            port.command.valid.eq(awake & (owed < 15)),
            port.command.p.length.eq(7),
            port.command.p.write.eq(self._writes),
            port.command.p.address.eq(1024),
            port.read.ready.eq(owed != 0),
            port.write.valid.eq(owed != 0),
            port.write.p.eq(0x5AA5),
        ]
        asks = port.command.valid & port.command.ready
        passes = (port.write.valid & port.write.ready) | (port.read.valid & port.read.ready)
        m.d.sync += owed.eq(owed + Mux(asks, 7, 0) - passes)
        return m


class _Resettable(wiring.Component):
    """The arbiter with a greedy side that is reset together with it, and one for the test."""

    reset: Signal
    side: Any  # interface of Port
    bursts: Signal

    def __init__(self, *, writes: bool, **moods):
        self.greedy, self.arbiter = _Greedy(writes=writes), PortArbiter(PORT)
        self.memory = BehaviouralMemory(PORT, seed=4, **moods)
        super().__init__({"reset": In(1), "side": In(PORT), "bursts": Out(16)})

    def elaborate(self, platform):
        m = Module()
        late = Signal(3)  # the side is told some cycles after the arbiter
        m.d.sync += late.eq(late << 1 | self.reset)
        m.submodules.greedy = ResetInserter(late[-1])(self.greedy)
        m.submodules.arbiter, m.submodules.memory = self.arbiter, self.memory
        wiring.connect(m, self.arbiter.port, self.memory.port)
        wiring.connect(m, self.greedy.port, self.arbiter.sides[1])
        wiring.connect(m, wiring.flipped(self.side), self.arbiter.sides[0])
        m.d.comb += self.arbiter.reset.eq(self.reset)
        m.d.sync += self.bursts.eq(
            self.bursts + (self.greedy.port.command.valid & self.greedy.port.command.ready)
        )
        return m


@pytest.mark.parametrize("moods", [{}, {"latency": 7, "stall": 6}], ids=["prompt", "slow"])
@pytest.mark.parametrize("writes", [False, True], ids=["reads", "writes"])
def test_a_reset_at_any_cycle(writes, moods):
    """Afterwards every word that is read is the right one: none was left over, none is missing."""
    dut = _Resettable(writes=writes, **moods)

    async def drive(ctx):
        await write(ctx, dut.side, 0, [*range(100, 110)])
        for cycles in range(40):
            for _ in range(cycles):
                await ctx.tick()
            ctx.set(dut.reset, 1)
            for _ in range(RESET):
                await ctx.tick()
            ctx.set(dut.reset, 0)
            assert await read(ctx, dut.side, 2, 5) == [102, 103, 104, 105, 106]
        assert ctx.get(dut.bursts) > 40

    bench.run(dut, drive, deadline=60_000)

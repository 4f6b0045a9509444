"""StallingPort: what passes is what was sent, in order, held until it is taken, and late."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from weft_hw.memory.port import Port
from weft_sim.stalling_port import StallingPort
from weft_sim.testing import bench
from weft_sim.testing.behavioural_memory import BehaviouralMemory

PORT = Port(4096)


@pytest.mark.parametrize("stalls", [1, 15])
def test_words_pass_late_and_in_order(stalls):
    gate, memory, top = StallingPort(PORT, stalls), BehaviouralMemory(PORT), Module()
    top.submodules.gate, top.submodules.memory = gate, memory
    wiring.connect(top, gate.memory, memory.port)
    words = sum(range(1, 12))
    cycles = 0

    async def drive(ctx):
        rng = bench.generator()
        for count in range(1, 12):
            address = int(rng.integers(0, 2048 - count))
            sent = [int(word) for word in rng.integers(0, 1 << 16, count)]
            command = {"address": address, "length": count}
            await bench.send(ctx, gate.asks.command, [{"write": 1, **command}])
            await bench.send(ctx, gate.asks.write, sent)
            await bench.send(ctx, gate.asks.command, [{"write": 0, **command}])
            assert await bench.recv(ctx, gate.asks.read, count) == sent

    async def count_cycles(ctx):
        nonlocal cycles
        async for _ in ctx.tick():
            cycles += 1

    async def commands_are_held(ctx):
        await bench.check_stable(ctx, memory.port.command)

    async def words_are_held(ctx):
        await bench.check_stable(ctx, memory.port.write)

    async def answers_are_held(ctx):
        await bench.check_stable(ctx, gate.asks.read)

    background = [count_cycles, commands_are_held, words_are_held, answers_are_held]
    bench.run(top, drive, background=background, deadline=20_000)
    # 15 of 16 cycles pass nothing; with 1 the pauses alone are longer than the words.
    assert cycles > (16 if stalls == 15 else 2) * 2 * words

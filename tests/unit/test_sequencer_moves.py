"""Sequencer with moves: layers wait for moves, runs go round the slots and end when all is done."""

from dataclasses import replace

import pytest
from amaranth.hdl import ResetInserter, Signal
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import Kind, encode_descriptor
from weft_hw.contract.memory_map import COUNTER_STRIDE, COUNTERS, DESCRIPTOR_WORDS
from weft_hw.contract.move import encode_move
from weft_hw.contract.timing import QUEUED_MOVES
from weft_hw.engine.sequencer import Sequencer
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

CONFIG = replace(get_config("tiny"), name="beside", dram_bytes=1 << 16)
SLOTS = CONFIG.descriptor_count
SHORTEST = 8  # cycles of a back half, in which the counters of the layer before are stored


def draw_program(rng, count):
    """Return moves and layers, numbered by ``unit`` and ``in_base``; what each layer waits for."""
    program, moves = [], 0
    for n in range(count):
        if rng.random() < 0.5:
            program.append(("move", {"region": 0, "unit": n, "count": 1, "rows": 1}))
            moves += 1
        else:
            wanted = int(rng.integers(max(0, moves - 4), moves + 1))
            program.append(("layer", {"kind": Kind.MAC, "in_base": n, "moves": wanted}))
    return program


async def store(ctx, dut, slot, item):
    kind, fields = item
    data = encode_move(fields) if kind == "move" else encode_descriptor(fields)
    for word in range(DESCRIPTOR_WORDS):
        value = int.from_bytes(data[4 * word : 4 * word + 4], "little")
        address = slot * DESCRIPTOR_WORDS + word
        bench.assign(ctx, dut.load, enable=1, address=address, data=value)
        await ctx.tick()
    ctx.set(dut.load.enable, 0)


async def start(ctx, dut, first, count):
    ctx.set(dut.start.payload, {"first": first, "count": count})
    ctx.set(dut.start.valid, 1)
    await ctx.tick()
    ctx.set(dut.start.valid, 0)


async def play(ctx, dut, rng, longest_move, longest_layer, deadline=6000):
    """Play mover and both halves; return what began and ended, in order, and waiting cycles."""
    log, queue, current, moving, back_left = [], [], -1, 0, 0
    layers = waits = 0
    for _ in range(deadline):
        if not ctx.get(dut.busy):
            assert not queue and not moving and back_left <= 0
            return log, waits
        waits += ctx.get(dut.waits_memory)
        assert ctx.get(dut.layers) == layers
        # The mover takes one from its queue when it has none, and works on it for a while.
        begun = bool(queue) and not moving
        done_move = moving == 1
        if ctx.get(dut.put_move):
            queue.append(ctx.get(dut.move).unit)
            log.append(("put", queue[-1]))
            assert len(queue) - begun <= QUEUED_MOVES
        if done_move:
            log.append(("moved", current))
        moving = max(0, moving - 1)
        if begun:
            current, moving = queue.pop(0), int(rng.integers(1, longest_move + 1))
        ctx.set(dut.move_begun, begun)
        ctx.set(dut.move_done, done_move)
        if ctx.get(dut.front_begin):
            log.append(("front", ctx.get(dut.front).in_base))
        if ctx.get(dut.back_begin):
            log.append(("back", ctx.get(dut.back).in_base))
            back_left = SHORTEST + int(rng.integers(0, longest_layer + 1))
        ctx.set(dut.front_done, ctx.get(dut.joined) and rng.random() < 0.3)
        done = back_left == 1
        back_left -= 1
        ctx.set(dut.done, done)
        layers += done
        if done:
            log.append(("done", ctx.get(dut.back).in_base))
        await ctx.tick()
    raise AssertionError(f"the run does not end: {log}")


def check(program, log):
    """Hold the log to the contract's rules of order."""
    units = [fields["unit"] for kind, fields in program if kind == "move"]
    bases = [fields["in_base"] for kind, fields in program if kind == "layer"]
    for event, expected in [("put", units), ("moved", units), ("front", bases), ("done", bases)]:
        assert [number for what, number in log if what == event] == expected
    wanted = {fields["in_base"]: fields["moves"] for kind, fields in program if kind == "layer"}
    moved = 0
    for what, number in log:
        moved += what == "moved"
        if what == "front":
            assert moved >= wanted[number], f"layer {number} began after {moved} moves"


@pytest.mark.parametrize("longest_move,longest_layer", [(1, 1), (90, 5), (5, 60), (40, 40)])
def test_layers_wait_for_their_moves(longest_move, longest_layer):
    rng = bench.generator()
    dut = Sequencer(CONFIG, Portable())

    async def drive(ctx):
        for first, count in [(0, SLOTS), (5, 1), (9, SLOTS), (SLOTS - 1, 7)]:
            program = draw_program(rng, count)
            for n, item in enumerate(program):
                await store(ctx, dut, (first + n) % SLOTS, item)
            await start(ctx, dut, first, count)
            log, _ = await play(ctx, dut, rng, longest_move, longest_layer)
            check(program, log)

    bench.run(dut, drive, deadline=40_000)


def test_a_wait_is_counted_and_ends():
    """One layer that waits for a move of 300 cycles: they are ``wait_memory``'s."""
    dut = Sequencer(CONFIG, Portable())
    program = [
        ("move", {"region": 0, "unit": 1, "count": 1, "rows": 1}),
        ("layer", {"kind": Kind.MAC, "in_base": 2, "moves": 1}),
    ]

    class Slow:
        def integers(self, low, high):
            return 300

        def random(self):
            return 0.0

    async def drive(ctx):
        for n, item in enumerate(program):
            await store(ctx, dut, n, item)
        await start(ctx, dut, 0, 2)
        log, waits = await play(ctx, dut, Slow(), 300, 300)
        check(program, log)
        # A descriptor is fetched in about 20 cycles while the move is under way.
        assert 270 < waits <= 300
        for _ in range(10):
            await ctx.tick()
        ctx.set(dut.counter_address, 1 * COUNTER_STRIDE)
        await ctx.tick()
        await ctx.tick()
        assert ctx.get(dut.counter_data) > 600, COUNTERS[0]

    bench.run(dut, drive, deadline=4000)


def test_a_reset_in_mid_run_leaves_nothing_behind():
    """What the watchdog does: moves that waited, and the layers that were done, count no more."""
    rng = bench.generator()
    sequencer, reset = Sequencer(CONFIG, Portable()), Signal()
    dut = ResetInserter(reset)(sequencer)

    async def drive(ctx):
        for cycles in range(20, 200, 13):
            program = draw_program(rng, SLOTS)
            for n, item in enumerate(program):
                await store(ctx, sequencer, n, item)
            await start(ctx, sequencer, 0, SLOTS)
            with pytest.raises(AssertionError, match="does not end"):
                await play(ctx, sequencer, rng, 90, 9, deadline=cycles)
            for signal in (sequencer.move_begun, sequencer.move_done, sequencer.done):
                ctx.set(signal, 0)
            ctx.set(reset, 1)
            for _ in range(4):
                await ctx.tick()
            ctx.set(reset, 0)
            await ctx.tick()
            assert not ctx.get(sequencer.busy)
            await start(ctx, sequencer, 0, SLOTS)
            log, _ = await play(ctx, sequencer, rng, 20, 9)
            check(program, log)

    bench.run(dut, drive, deadline=60_000)

"""Latencies of moves, one by one: what the mover and the sequencer need for each."""

from dataclasses import replace

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from msgspec import structs
from weft_hw.contract import timing
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.layers import Table
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, Region
from weft_hw.contract.move import Move
from weft_hw.engine.sequencer import Sequencer
from weft_hw.memory.mover import Mover
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench
from weft_sim.testing.behavioural_memory import BehaviouralMemory

CONFIG = replace(CONFIGS["tiny"], name="moves", dram_bytes=1 << 16)
COMMAND = 2  # from a move's begin to its first command, by definition
LAYER = 1  # from the end of a layer to its being among ``layers``


def trace(top, signals, drive, cycles, prepare=None):
    """Return the cycles in which each signal is 1; ``drive`` sets inputs, ``prepare`` once."""
    seen = {name: [] for name in signals}

    async def run(ctx):
        if prepare is not None:
            await prepare(ctx)
        for cycle in range(cycles):
            drive(ctx, cycle)
            for name, signal in signals.items():
                if ctx.get(signal):
                    seen[name].append(cycle)
            await ctx.tick()

    bench.run(top, run, deadline=cycles + 200)
    return seen


def moves(move, put, layers=0, cycles=160):
    """Return when the mover begins and ends what is put into its queue, and gives commands."""
    mover, top = Mover(CONFIG, 2), Module()
    memory = BehaviouralMemory(mover.port.signature)
    top.submodules.mover, top.submodules.memory = mover, memory
    wiring.connect(top, mover.port, memory.port)
    words = int.from_bytes(move.encode(), "little") & (1 << len(mover.move.as_value())) - 1

    def drive(ctx, cycle):
        ctx.set(mover.written, 1)
        ctx.set(mover.write.ready, 1)
        ctx.set(mover.layers, int(cycle >= layers))
        ctx.set(mover.put, int(cycle in put))
        ctx.set(mover.move.as_value(), words)

    signals = {"begun": mover.begun, "done": mover.done, "command": mover.port.command.valid}
    return trace(top, signals, drive, cycles)


def sequenced(items, done=(), begun=(), moved=(), cycles=140):
    """Return when a run's layers begin and moves are handed over, and when layers count."""
    dut = Sequencer(CONFIG, Portable())
    data = b"".join(item.encode() for item in items)

    async def prepare(ctx):
        for word in range(len(items) * DESCRIPTOR_WORDS):
            value = int.from_bytes(data[4 * word :][:4], "little")
            bench.assign(ctx, dut.load, enable=1, address=word, data=value)
            await ctx.tick()
        ctx.set(dut.load.enable, 0)
        ctx.set(dut.start.payload, {"first": 0, "count": len(items)})
        ctx.set(dut.start.valid, 1)
        await ctx.tick()
        ctx.set(dut.start.valid, 0)

    def drive(ctx, cycle):
        ctx.set(dut.front_done, 1)
        ctx.set(dut.done, int(cycle in done))
        ctx.set(dut.move_begun, int(cycle in begun))
        ctx.set(dut.move_done, int(cycle in moved))

    signals = {"put": dut.put_move, "front": dut.front_begin, "layers": dut.layers}
    return trace(dut, signals, drive, cycles, prepare)


LOAD = Move(region=Region.WEIGHT, count=8)


def test_a_move_begins_once_it_is_set_up():
    [command] = moves(LOAD, put=[20])["command"]
    assert command == 20 + timing.MOVE_SET_UP + COMMAND


def test_a_move_begins_after_its_layers():
    layers = 80
    [command] = moves(structs.replace(LOAD, layers=1), put=[20], layers=layers)["command"]
    assert command == layers - LAYER + timing.MOVE_AFTER_LAYER + COMMAND


def test_layers_count_a_cycle_after_their_end():
    assert sequenced([Table()], done=[60])["layers"][0] == 60 + LAYER


def test_a_layer_begins_after_its_moves():
    seen = sequenced([LOAD, Table(moves=1)], begun=[50], moved=[90])
    assert seen["front"] == [90 + timing.MOVE_COUNTED]


def test_a_full_queue_has_room_once_a_move_is_taken():
    """The mover takes the next one when the one before is done; then the sequencer hands over."""
    seen = moves(LOAD, put=[20, 21])
    taken = seen["begun"][1] - seen["done"][0]
    items = [LOAD] * (timing.QUEUED_MOVES + 1)
    begun = 120
    put = sequenced(items, begun=[begun], cycles=160)["put"]
    assert len(put) == len(items)
    assert taken + put[-1] - begun == timing.MOVE_ROOM


@pytest.mark.parametrize("waits", [False, True])
def test_the_queue_holds_what_it_should(waits):
    items = [LOAD] * (timing.QUEUED_MOVES + 1)
    put = sequenced(items, begun=[] if waits else [60], cycles=160)["put"]
    assert len(put) == timing.QUEUED_MOVES + (not waits)

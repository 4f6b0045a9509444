"""Latencies of the memory beside the chip, one by one: moves of an engine with an SDRAM."""

from dataclasses import replace
from typing import Any

import pytest
from weft_hw.boards.sdram import sdram_beside
from weft_hw.contract import timing
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import Move
from weft_hw.engine.engine import Engine
from weft_hw.memory.sdram.controller import SdramController
from weft_hw.tech.portable import Portable
from weft_sim.beside import Beside
from weft_sim.testing import bench as benches
from weft_sim.testing.record import record
from weft_sim.testing.sdram_chip import SdramModel, at_the_pins

CONFIG = replace(
    CONFIGS["tiny"],
    name="beside",
    tap_columns=1,
    activation_words=64,
    weight_words=16,
    dram_bytes=1 << 20,
)
CHIP, CLOCK_HZ = sdram_beside(CONFIG)
CHIP = replace(CHIP, power_up=1000)  # soon ready
WORD_BYTES = 2
OTHER_ROW = 4 * CHIP.columns * WORD_BYTES // DRAM_BLOCK_BYTES  # of the same bank
MOVES = {
    "first": Move(region=Region.ACTIVATION, count=1),
    "load": Move(region=Region.ACTIVATION, count=32),
    "load another row": Move(region=Region.ACTIVATION, count=32, block=OTHER_ROW),
    "store": Move(region=Region.ACTIVATION, count=1, store=True, block=OTHER_ROW),
    "store 4": Move(region=Region.ACTIVATION, count=4, store=True, block=OTHER_ROW),
    "store 12": Move(region=Region.ACTIVATION, count=12, store=True, block=OTHER_ROW),
    "count 4": Move(region=Region.COUNTER, count=4, store=True, block=OTHER_ROW),
    "count 12": Move(region=Region.COUNTER, count=12, store=True, block=OTHER_ROW),
    "weights 8": Move(region=Region.WEIGHT, count=8, block=OTHER_ROW),
    "weights 24": Move(region=Region.WEIGHT, count=24, block=OTHER_ROW),
}


@pytest.fixture(scope="module")
def took():
    """Cycles from the begin of each move to its end."""
    controller = SdramController(CHIP, CLOCK_HZ)
    top: Any = Beside(Engine(CONFIG, Portable()), controller)
    size = memory_map(CONFIG)[Region.DESCRIPTOR].unit_bytes
    data = b"".join(move.encode() for move in MOVES.values())
    words = [
        {
            "region": Region.DESCRIPTOR,
            "address": at // size,
            "data": int.from_bytes(data[at:][:size], "little"),
        }
        for at in range(0, len(data), size)
    ]

    async def bench(ctx):
        await benches.send(ctx, top.write, words)
        await benches.send(ctx, top.start, [{"first": 0, "count": len(MOVES)}])
        for _ in range(2000):
            await ctx.tick()
            if not ctx.get(top.busy):
                return
        raise AssertionError("the run does not end")

    names = ("design.mover.begin", "design.mover.done", "sdram.banks.refresh")
    chip = at_the_pins(top.sdram, SdramModel(CHIP, CLOCK_HZ))
    values = record(top, bench, names, [chip])
    # The mover's parts take up their work a cycle later, and that is a move's begin.
    begins, ends, refreshes = (
        [cycle + delay for cycle, value in enumerate(values[name]) if value]
        for name, delay in zip(names, (1, 0, 0), strict=True)
    )
    assert len(begins) == len(ends) == len(MOVES)
    assert not [cycle for cycle in refreshes if cycle > ends[0]], "a refresh disturbs"
    return dict(zip(MOVES, (e - b for b, e in zip(begins, ends, strict=True)), strict=True))


def words_of(name):
    move = MOVES[name]
    row = move.count * memory_map(CONFIG)[move.region].unit_bytes
    return -(-row // DRAM_BLOCK_BYTES) * DRAM_BLOCK_BYTES // WORD_BYTES


def per_unit(took, *names):
    (few, many), (short, long) = (MOVES[name].count for name in names), (took[n] for n in names)
    return (long - short) / (many - few)


def test_a_load(took):
    assert took["load"] == words_of("load") + timing.MOVE_LOAD


def test_a_load_that_opens_a_row(took):
    got = took["load another row"] - words_of("load another row")
    assert got == timing.MOVE_LOAD + timing.ROW_OPENED


def test_a_store(took):
    assert took["store"] == words_of("store") + timing.MOVE_STORE


def test_units_read_from_activation_memory(took):
    assert per_unit(took, "store 4", "store 12") == timing.READ_ACTIVATION


def test_units_read_from_other_memories(took):
    assert per_unit(took, "count 4", "count 12") == timing.READ_UNIT


def test_units_written(took):
    assert per_unit(took, "weights 8", "weights 24") == timing.WRITE_UNIT

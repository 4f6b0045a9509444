"""Moves on the functional simulator: what they copy, and that a missing wait shows."""

from dataclasses import replace

import numpy as np
import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import encode_descriptor
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, Region
from weft_hw.contract.move import encode_move
from weft_sim.testing.functional import FunctionalSimulator, HardwareFault

CONFIG = replace(get_config("tiny"), name="tiny with memory", dram_bytes=1 << 16)
COPY = {
    "kind": 1,
    "word_count": 4,
    "unary": 1,
    "rounding": 1,
    "low": -128,
    "high": 127,
    "in_base": 0,
    "out_base": 2 * 64,
}


def simulator_with(descriptors, **options):
    simulator = FunctionalSimulator(CONFIG, **options)
    for slot, data in enumerate(descriptors):
        simulator.write(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, data)
    one = (1 << 30 << 32 | 30 << 63).to_bytes(9, "little")  # times one, no bias
    simulator.write(Region.PARAMETER, 0, one * CONFIG.lanes)
    simulator.write(Region.DRAM, 0, np.arange(256, dtype=np.uint8).tobytes())
    return simulator


def load(**more):
    return encode_move({"region": Region.ACTIVATION, "count": 4, "rows": 1, **more})


def test_rows_with_steps_both_ways():
    simulator = simulator_with(
        [
            load(unit=1, count=3, rows=2, unit_step=8, block=1, block_step=4),
            load(store=1, unit=1, count=3, rows=2, unit_step=8, block=100, block_step=2),
        ]
    )
    simulator.run(0, 2)
    # A word of `tiny` has 4 bytes: 3 units are 12 bytes of a block of 16.
    assert simulator.read(Region.ACTIVATION, 1, 3) == bytes(range(16, 28))
    assert simulator.read(Region.ACTIVATION, 9, 3) == bytes(range(80, 92))
    assert simulator.read(Region.DRAM, 100, 1)[:12] == bytes(range(16, 28))
    assert simulator.read(Region.DRAM, 102, 1)[:12] == bytes(range(80, 92))


@pytest.mark.parametrize("late", [0, 0.5, 1])
def test_waits_order_moves_and_layers(late):
    simulator = simulator_with(
        [
            load(block=2),
            encode_descriptor(COPY | {"moves": 1}),
            load(block=3, layers=1),
            load(store=1, unit=64, block=50, layers=1),
        ],
        late=late,
    )
    simulator.run(0, 4)
    assert simulator.read(Region.DRAM, 50, 1) == bytes(range(32, 48))
    assert simulator.read(Region.ACTIVATION, 0, 4) == bytes(range(48, 64))


@pytest.mark.parametrize("moves,layers", [(0, 1), (1, 0)])
def test_a_wait_left_out_shows(moves, layers):
    results = set()
    for seed in range(20):
        simulator = simulator_with(
            [
                load(block=2),
                encode_descriptor(COPY | {"moves": moves}),
                load(block=3, layers=layers),
            ],
            seed=seed,
        )
        simulator.run(0, 3)
        results.add(simulator.read(Region.ACTIVATION, 64, 4))
    assert results - {bytes(range(32, 48))}


@pytest.mark.parametrize(
    "descriptors,message",
    [
        ([load(layers=1)], "comes after it"),
        ([encode_descriptor(COPY | {"moves": 1})], "comes after it"),
        ([load(block=4095, count=5)], "lies outside 4096 units"),
        ([load(unit=509)], "lies outside 512 units"),
    ],
)
def test_what_cannot_be_is_a_fault(descriptors, message):
    with pytest.raises(HardwareFault, match=message):
        simulator_with(descriptors).run(0, len(descriptors))

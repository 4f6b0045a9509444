"""The engine with memory beside the chip: moves load everything, and give what residents give."""

from dataclasses import replace

import numpy as np
import pytest
from engine_with_memory import EngineWithMemory
from random_chains import random_chain
from streamed import save_streams, stream
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import Kind, decode_descriptor, encode_descriptor
from weft_hw.contract.move import decode_move, encode_move
from weft_sim.testing.rtl import build_cocotb, simulate_cocotb

SEED = 20261129
MEMORY_BYTES = 1 << 16
TINY = get_config("tiny")
BESIDE = replace(TINY, name="tiny-streamed", dram_bytes=MEMORY_BYTES)
MOODS = {"prompt": {}, "slow": {"latency": 63, "stall": 8}}

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def run_streams(tmp_path_factory):
    runners = {}

    def run(mood, programs):
        if mood not in runners:
            folder = tmp_path_factory.mktemp(f"streamed_{mood}")
            runners[mood] = build_cocotb(EngineWithMemory(BESIDE, **MOODS[mood]), build_dir=folder)
        cases = tmp_path_factory.mktemp("cases") / "cases.npz"
        save_streams(cases, programs)
        simulate_cocotb(
            runners[mood],
            config=BESIDE,
            test_module="tb_streamed",
            environment={"CASES": str(cases)},
        )

    return run


def draw(count, rng):
    programs = []
    while len(programs) < count:
        try:
            programs.append(stream(random_chain(TINY, rng, False), rng, dram_bytes=MEMORY_BYTES))
        except LookupError:
            continue
    return programs


@pytest.mark.parametrize("mood", MOODS)
def test_random_programs(mood, run_streams):
    programs = draw(24, np.random.default_rng(SEED))
    assert max(len(program.descriptors) for program in programs) > 2 * BESIDE.descriptor_count
    kinds = {data[0] & 3 for program in programs for data in program.descriptors}
    assert kinds == set(Kind)
    run_streams(mood, programs)


def without_waits(program, of_layers):
    """Return the program with every wait of its layers, or of its moves, taken out."""
    changed = []
    for data in program.descriptors:
        is_move = data[0] & 3 == Kind.MOVE
        if is_move and not of_layers:
            data = encode_move(decode_move(data) | {"layers": 0})
        elif not is_move and of_layers:
            data = encode_descriptor(decode_descriptor(data) | {"moves": 0})
        changed.append(data)
    old, new = b"".join(program.descriptors), b"".join(changed)
    assert program.memory.count(old) == 1
    return replace(program, descriptors=changed, memory=program.memory.replace(old, new))


@pytest.mark.parametrize("of_layers,mood", [(True, "slow"), (False, "prompt")])
def test_a_wait_left_out_turns_it_red(of_layers, mood, run_streams):
    """The comparison sees a layer that does not wait for its moves, and a move for its layers."""
    programs = [
        without_waits(program, of_layers) for program in draw(8, np.random.default_rng(SEED))
    ]
    with pytest.raises(AssertionError, match=r"wrong words in cases|still busy"):
        run_streams(mood, programs)

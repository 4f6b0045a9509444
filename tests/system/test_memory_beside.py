"""Memory beside the chip through the driver: the host fills it, moves bring it in and back."""

import random
from dataclasses import replace

import pytest
from weft.driver.board import BoardDriver
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import encode_descriptor
from weft_hw.contract.memory_map import COUNTER_STRIDE, COUNTERS, DESCRIPTOR_WORDS, Region
from weft_hw.contract.move import encode_move

pytestmark = pytest.mark.tools

BESIDE = replace(get_config("tiny"), name="tiny-beside", dram_bytes=1 << 20)
BLOCKS = BESIDE.dram_bytes // 16
# One word to another, times one: parameters are those of the bundled arithmetic, by hand.
COPY = {"kind": 1, "word_count": 4, "unary": 1, "rounding": 1, "low": -128, "high": 127}
ONE = (1 << 30 << 32 | 30 << 63).to_bytes(9, "little")


@pytest.fixture(scope="module")
def board():
    transport = SimTransport(BESIDE, past_link=True, watchdog_cycles=1 << 16)
    with BoardDriver(transport, BESIDE) as board:
        board.read(Region.DRAM, 0, 1)  # the chip's power-up takes 200 us, whichever test is first
        yield board


def run(board, first, count):
    board.run(first, count)
    return board.wait()


def put(board, first, descriptors):
    for n, data in enumerate(descriptors):
        slot = (first + n) % BESIDE.descriptor_count
        board.write(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, data)


def test_the_link_reads_and_writes_all_of_it(board):
    rng = random.Random(1)
    pieces = [
        (0, 1),
        (BLOCKS - 300, 300),
        (1000, 129),
        *((rng.randrange(2000, BLOCKS - 700), rng.randrange(1, 200)) for _ in range(4)),
    ]
    written = {}
    for first, count in pieces:
        data = rng.randbytes(16 * count)
        board.write(Region.DRAM, first, data)
        written |= {first + n: data[16 * n : 16 * n + 16] for n in range(count)}
    for first, count in pieces:
        expected = b"".join(written[first + n] for n in range(count))
        assert board.read(Region.DRAM, first, count) == expected


def test_what_is_loaded_past_the_link_is_there(board):
    rng = random.Random(3)
    assert board.transport.loads
    blocks, words = rng.randbytes(16 * 300), rng.randbytes(4 * 200)
    board.load(Region.DRAM, 7, blocks)
    board.load(Region.ACTIVATION, 3, words)
    assert board.read(Region.DRAM, 7, 300) == blocks
    assert board.read(Region.ACTIVATION, 3, 200) == words


def test_a_byte_per_cycle_is_written(board):
    data = random.Random(2).randbytes(32768)
    start = board.transport.board.cycles
    board.write(Region.DRAM, 0, data)
    assert board.transport.board.cycles - start < 1.10 * len(data)
    assert board.read(Region.DRAM, 0, 2048) == data


def test_moves_bring_units_in_and_back(board):
    data = random.Random(3).randbytes(4 * 300)
    board.write(Region.DRAM, 64, data)
    put(
        board,
        0,
        [
            encode_move(
                {"region": Region.ACTIVATION, "unit": 7, "count": 300, "rows": 1, "block": 64}
            ),
            encode_move(
                {
                    "region": Region.ACTIVATION,
                    "store": 1,
                    "unit": 10,
                    "count": 20,
                    "rows": 5,
                    "unit_step": 30,
                    "block": 4000,
                    "block_step": 6,
                }
            ),
        ],
    )
    run(board, 0, 2)
    assert board.read(Region.ACTIVATION, 7, 300) == data
    for row in range(5):
        at = 4 * (3 + 30 * row)
        assert board.read(Region.DRAM, 4000 + 6 * row, 5) == data[at : at + 80]


def test_a_run_goes_round_the_slots(board):
    """64 layers in 16 slots: each copies a word that a move has just brought, to its own place."""
    layers, slots, rng = 64, BESIDE.descriptor_count, random.Random(4)
    data = rng.randbytes(16 * layers)
    board.write(Region.DRAM, 512, data)
    board.write(Region.PARAMETER, 0, ONE * BESIDE.lanes)
    # Each group: the next group's descriptors but one, a word, the copy. The first is resident.
    program, group = [], 3
    for n in range(layers):
        block = 8192 + (n + 1) * group * 4
        slot = (n + 1) * group % slots
        parts = min(group, slots - slot)
        program += [
            encode_move(
                {
                    "region": Region.DESCRIPTOR,
                    "unit": slot * DESCRIPTOR_WORDS,
                    "rows": 1,
                    "count": parts * DESCRIPTOR_WORDS,
                    "block": block,
                    "layers": max(0, n - 3),
                }
            ),
            encode_move(
                {
                    "region": Region.ACTIVATION,
                    "unit": 4 * (n % 2),
                    "count": 4,
                    "rows": 1,
                    "block": 512 + n,
                    "layers": max(0, n - 1),
                }
            )
            if parts == group
            else encode_move(
                {
                    "region": Region.DESCRIPTOR,
                    "unit": 0,
                    "rows": 1,
                    "layers": max(0, n - 3),
                    "count": (group - parts) * DESCRIPTOR_WORDS,
                    "block": block + 4 * parts,
                }
            ),
            encode_descriptor(
                COPY | {"moves": 2 * n + 2, "in_base": 4 * (n % 2), "out_base": 2 * (8 + 4 * n)}
            ),
        ]
    board.write(Region.DRAM, 8192, b"".join(program))
    put(board, 0, program[:group])
    run(board, 0, len(program))
    got = board.read(Region.ACTIVATION, 8, 4 * layers)
    fresh = [n for n in range(layers) if (n + 1) * group % slots + group <= slots]
    assert len(fresh) > layers // 2
    assert all(got[16 * n : 16 * n + 16] == data[16 * n : 16 * n + 16] for n in fresh)
    names = [counter.name for counter in COUNTERS]
    slot = (len(program) - 1) % slots
    words = board.read(Region.COUNTER, slot * COUNTER_STRIDE, len(names))
    counts = dict(
        zip(
            names,
            [int.from_bytes(words[4 * k :][:4], "little") for k in range(len(names))],
            strict=True,
        )
    )
    assert sum(counts.values()) == 2 * counts["cycles"] and counts["wait_memory"] > 0
    assert counts["busy"] == 8


def test_a_reset_in_mid_move_leaves_a_board_that_computes(board):
    rng = random.Random(5)
    data = rng.randbytes(2048)
    slow = {"region": Region.ACTIVATION, "count": 512, "rows": 1}
    for store in (0, 1):
        for _ in range(6):
            board.write(Region.DRAM, 0, data)
            put(board, 0, [encode_move(slow | {"store": store, "block": 128 * store})] * 8)
            board.run(0, 8)
            board.reset()
            assert not board.status()["busy"]
            assert board.read(Region.DRAM, 0, 128) == data
            put(board, 0, [encode_move(slow)])
            run(board, 0, 1)
            assert board.read(Region.ACTIVATION, 0, 512) == data


def test_a_run_takes_the_time_that_it_was_said_to_take():
    """As many moves as there are slots, of 65,000 cycles in all; the link waits for 10,000."""
    transport = SimTransport(BESIDE, past_link=True, watchdog_cycles=1 << 16)
    slots, hz = BESIDE.descriptor_count, transport.hz
    patient = {"timeout": 5000 / hz, "retries": 0, "run_timeout": 10_000 / hz}
    with BoardDriver(transport, BESIDE, **patient) as board:
        move = {"region": Region.ACTIVATION, "count": 512, "rows": 4}
        put(board, 0, [encode_move(move | {"block": 512 + n}) for n in range(slots)])
        board.expect(100_000)
        assert run(board, 0, slots) > 60_000
        board.expect(0)
        with pytest.raises(LinkError, match="did not answer WAIT"):
            run(board, 0, slots)


def test_long_moves_use_what_the_pins_give(board):
    """Words per cycle of a whole run, through the controller, with its rows and refreshes."""
    units, moves = 512, 8
    move = {"region": Region.ACTIVATION, "count": units, "rows": 1}
    words = units * BESIDE.columns // 2 * moves
    blocks = units * BESIDE.columns // 16
    put(board, 0, [encode_move(move | {"block": 512 + n * blocks}) for n in range(moves)])
    board.run(0, moves)
    assert words / board.wait() >= 0.85

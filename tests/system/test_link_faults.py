"""A link that lies: every result is right or an error, and the link recovers by itself."""

import os
import random

import pytest
from weft.driver.board import Block, Board, Place
from weft.driver.transports.faults import FAULTS, FaultyTransport
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

pytestmark = [pytest.mark.rtl, pytest.mark.timeout(300)]
TINY = get_config("tiny")
UNITS = 512
ROUNDS = int(os.environ.get("WEFT_FAULT_ROUNDS", "1000"))


def exercise(board, shadow, rng):
    """Write, run and read at random, and compare with a copy kept here."""
    size = rng.choice((1, 4, 60, 300))
    address = rng.randrange(UNITS - size + 1)
    data = rng.randbytes(4 * size)
    read = rng.randrange(1, UNITS + 1)
    begin = rng.randrange(UNITS - read + 1)
    first, count = rng.randrange(8), rng.randrange(1, 5)
    expected = bytearray(shadow)
    expected[4 * address : 4 * (address + size)] = data
    cycles, [got] = board.execute(
        [Block(Region.ACTIVATION, address, data)], (first, count),
        [Place(Region.ACTIVATION, begin, read)])
    shadow[:] = expected
    assert got == shadow[4 * begin : 4 * (begin + read)]
    assert cycles == count * CYCLES_PER_DESCRIPTOR


def restore(board, shadow):
    """After an error nobody knows which writes took place: write everything again."""
    board.write(Region.ACTIVATION, 0, bytes(shadow))


def torment(seed: int, rate: float, rounds: int, kinds) -> tuple[int, int]:
    rng = random.Random(seed)
    transport = FaultyTransport(SimTransport(TINY, stand_in=True), seed=seed, rate=0, kinds=kinds)
    errors, shadow = 0, bytearray(4 * UNITS)
    with Board(transport, TINY, timeout=0.02, retries=6, run_timeout=0.2) as board:
        restore(board, shadow)
        damaged = False
        for _ in range(rounds):
            transport.rate = rate
            begin = transport.now()
            try:
                if damaged:
                    restore(board, shadow)
                damaged = True
                exercise(board, shadow, rng)
                damaged = False
            except LinkError:
                errors += 1
            assert transport.now() - begin < 2.0
        transport.rate = 0
        if damaged:
            restore(board, shadow)
        exercise(board, shadow, rng)
    return transport.count, errors


@pytest.mark.parametrize("kind", [*FAULTS, "delay", "gone"])
def test_each_fault(kind):
    count, errors = torment(11, 0.1, 60, (kind,))
    print(f"{kind}: {count} faults, {errors} errors")
    assert count > 10
    # Only a link that breaks down is reported; everything else is repaired.
    assert errors == (count if kind == "gone" else 0)


@pytest.mark.timeout(60 + ROUNDS // 10)
def test_all_faults_together():
    count, errors = torment(12, 0.15, ROUNDS, (*FAULTS, "delay", "gone"))
    print(f"{count} faults, {errors} errors")
    assert count > ROUNDS // 2

"""The driver over the virtual board, with plain memories in the engine's place."""

import random
from dataclasses import replace

import pytest
from weft.driver.board import Block, BoardDriver, UnitRange
from weft.driver.transports.sim import SimTransport
from weft.errors import DeviceMismatch, LinkError
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR

pytestmark = [pytest.mark.tools, pytest.mark.timeout(300)]
TINY = get_config("tiny")


@pytest.fixture
def board():
    with BoardDriver(SimTransport(TINY, stand_in=True), TINY) as board:
        yield board


def test_writes_and_reads_of_every_size(board):
    rng = random.Random(3)
    shadow = bytearray(2048)
    board.write(Region.ACTIVATION, 0, bytes(shadow))
    for size in [1, 2, 254, 255, 256, 511, 512, *(rng.randint(1, 512) for _ in range(10))]:
        address = rng.randint(0, 512 - size)
        data = rng.randbytes(4 * size) if size % 2 else bytes(rng.choices(b"\0\1", k=4 * size))
        board.write(Region.ACTIVATION, address, data)
        shadow[4 * address : 4 * (address + size)] = data
        assert board.read(Region.ACTIVATION, 0, 512) == shadow
    assert board.statistics.retries == board.statistics.damaged == 0


def test_one_exchange_for_a_whole_inference(board):
    data = bytes(range(1, 253))
    cycles, [first, counters] = board.execute(
        [Block(Region.ACTIVATION, 7, data), Block(Region.PARAMETER, 0, bytes(9 * 100))],
        (3, 5),
        [UnitRange(Region.ACTIVATION, 7, 63), UnitRange(Region.COUNTER, 61, 2)],
    )
    assert cycles == 5 * CYCLES_PER_DESCRIPTOR
    assert first == data
    assert counters == b"\x3d\0\0\0\x3e\0\0\0"


def test_status_and_label(board):
    board.label(0x12345678)
    number = board.run(0, 2)
    assert board.wait() == 2 * CYCLES_PER_DESCRIPTOR
    status = board.status()
    assert status["label"] == 0x12345678 and status["run"] == number and not status["busy"]
    board.write(Region.ACTIVATION, 0, bytes(4))
    board.reset()
    assert board.status()["label"] == 0x12345678
    board.write(Region.WINDOW, 0, bytes(4))
    assert board.status()["label"] == 0


def test_weights_take_a_cycle_per_byte(board):
    data = bytes(3 * 8192)
    start = board.transport.board.cycles
    board.write(Region.WEIGHT, 0, data)
    assert board.transport.board.cycles - start < 1.10 * len(data)


def test_an_endless_run_is_an_error_and_the_board_usable_after_it():
    with BoardDriver(SimTransport(TINY, stand_in=True), TINY, run_timeout=0.05) as board:
        board.write(Region.ACTIVATION, 0, b"kept")
        board.run(15, 1)
        with pytest.raises(LinkError, match=r"the board did not answer WAIT \(sent \d+ times\)"):
            board.wait()
        assert board.read(Region.ACTIVATION, 0, 1) == b"kept"
        assert not board.status()["busy"]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda b: b.write(Region.ACTIVATION, 512, bytes(4)), "ACTIVATION has units 0 to 511"),
        (lambda b: b.write(Region.ACTIVATION, 0, bytes(5)), "ACTIVATION takes units of 4 bytes"),
        (lambda b: b.write(Region.COUNTER, 0, bytes(4)), "COUNTER cannot be written"),
        (lambda b: b.read(Region.WEIGHT, 0, 1), "WEIGHT cannot be read"),
        (lambda b: b.run(15, 2), "a run must stay within descriptors 0 to 15, not 15 to 16"),
    ],
)
def test_misuse_is_refused_before_anything_is_sent(board, call, message):
    before = board.statistics.bytes_to_board
    with pytest.raises(ValueError, match=message):
        call(board)
    assert board.statistics.bytes_to_board == before
    board.write(Region.ACTIVATION, 0, bytes(4))


def test_nothing_is_left_behind_by_a_refused_exchange(board):
    board.write(Region.ACTIVATION, 0, b"kept")
    with pytest.raises(ValueError, match="not 15 to 16"):
        board.execute([Block(Region.ACTIVATION, 0, b"lost")], (15, 2))
    assert board.read(Region.ACTIVATION, 0, 1) == b"kept"


def test_another_configuration_is_a_mismatch():
    with pytest.raises(
        DeviceMismatch, match=r"fingerprint [0-9a-f]{16}, which is tiny.s .*, but ulx3s-85f has"
    ):
        BoardDriver(SimTransport(TINY, stand_in=True), get_config("ulx3s-85f"))
    with pytest.raises(DeviceMismatch, match=r"memory beside the chip, which this board has not$"):
        BoardDriver(SimTransport(TINY, stand_in=True), replace(TINY, dram_bytes=1 << 20))

"""The self-test of the memory beside the chip: each kind of fault is found, and named."""

import re
from dataclasses import replace

import pytest
from weft.cli import main
from weft.configuration import write_config
from weft.driver import transports
from weft.driver.board import BoardDriver
from weft.driver.memory_test import MemoryFault, check_memory
from weft.driver.transports.sim import SimTransport
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region

pytestmark = pytest.mark.tools

BESIDE = replace(get_config("tiny"), name="tiny-beside", dram_bytes=1 << 20)
FAULTS = [
    ({"data_high": 1 << 5}, r"data lines that do not follow: 5 of 0 to 15"),
    ({"data_high": 1 << 15 | 1}, r"data lines that do not follow: 0, 15 of"),
    # Line 7 is that of word 128, in block 16, and of row 128, each of 4 banks of 64 blocks.
    ({"address_low": 1 << 7}, r"block 0 holds what block 32768 got, so an address line is wrong"),
    ({"address_low": 1 << 8}, r"block 0 holds what block 32 got"),  # of columns: no row has it
    ({"address_low": 1 << 1}, r"block \d+ holds something else"),  # within a block
    ({"retention": 300_000}, r"6\d of 64 blocks lost their words within 1 s"),
]


@pytest.fixture
def board():
    with BoardDriver(SimTransport(BESIDE, watchdog_cycles=1 << 16), BESIDE) as board:
        yield board


def test_a_memory_that_is_well_passes(board):
    before = board.transport.board.cycles
    check_memory(board)
    assert board.transport.board.cycles - before > 1_000_000, "refresh needs time to fail"


@pytest.mark.parametrize("fault,text", FAULTS, ids=lambda value: next(iter(value), ""))
def test_a_fault_is_named_and_the_board_still_answers(board, fault, text):
    board.transport.board.break_memory(**fault)
    with pytest.raises(MemoryFault, match=rf"^the memory beside the chip fails its .*{text}"):
        check_memory(board)
    board.write(Region.ACTIVATION, 3, b"\x12\x34\x56\x78")
    assert board.read(Region.ACTIVATION, 3, 1) == b"\x12\x34\x56\x78"
    board.transport.board.break_memory()
    check_memory(board, seconds=0.1)


def test_words_are_lost_only_after_their_time(board):
    """The chip of the test above would pass if nobody waited: the wait is what finds it."""
    board.transport.board.break_memory(retention=300_000)
    check_memory(board, seconds=0.1)


def test_a_board_without_one_is_refused():
    with (
        BoardDriver(SimTransport(get_config("tiny"), stand_in=True), get_config("tiny")) as board,
        pytest.raises(ValueError, match="tiny has no memory beside the chip"),
    ):
        check_memory(board)


def test_doctor(tmp_path, capsys, monkeypatch):
    path = tmp_path / "tiny-beside.toml"
    path.write_text(write_config(BESIDE))
    opened = []

    def broken(device, config, **options):
        opened.append(SimTransport(config, watchdog_cycles=1 << 16))
        opened[-1].board.break_memory(data_high=4)
        return opened[-1]

    assert main(["doctor", "--device", "sim", "--config", str(path)]) == 0
    text = capsys.readouterr().out
    assert text == (
        "sim answers as tiny-beside; 1,048,576 bytes of memory beside the chip pass their "
        "self-test\n"
    )
    monkeypatch.setattr(transports, "open_transport", broken)
    assert main(["doctor", "--device", "sim", "--config", str(path)]) == 3
    result = capsys.readouterr()
    assert result.out == ""
    assert re.fullmatch(
        r"weft: the memory .* data lines that do not follow: 2 of 0 to 15\n", result.err
    )

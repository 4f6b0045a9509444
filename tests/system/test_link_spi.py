"""The complete design as an SPI device, edge by edge: bytes, rates, faults on the lines."""

import os

import numpy as np
import pytest
import weft
from graph_builder import Builder
from links.exercise import Exerciser
from links.networks import milliseconds
from links.wire import decode, encode, little
from weft.driver.board import BoardDriver
from weft.driver.transports.spi import SpiTransport
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request
from weft_sim.testing.spi_board import SpiBoard

TINY = get_config("tiny")
FAULTS = int(os.environ.get("WEFT_SPI_FAULTS", "60"))
pytestmark = [pytest.mark.tools, pytest.mark.timeout(900 + FAULTS)]
FASTEST = 100e6 / 6
DRIVER = {"timeout": 0.02, "retries": 6, "run_timeout": 0.2}
RESET = encode(bytes([Request.RESET, 0]) + b"abcd")
ANSWER = bytes([Request.RESET | 0x80, 0, 0]) + b"abcd"


class Simulated(SpiTransport):
    """The driver's transport, whose seconds are the board's."""

    def __init__(self, board: SpiBoard, hz: float = FASTEST):
        super().__init__(f"simulated {id(board)}", hz=round(hz), device=board)

    def now(self):
        return self._device.now

    def pass_time(self, seconds):
        self._device.run(seconds)


def contents(data):
    return [decode(raw) or b"" for raw in data.split(b"\0") if raw]


@pytest.mark.parametrize("spi_hz", [FASTEST, 0.97 * FASTEST, 9.1e6, 1e6])
def test_bytes_both_ways_at_every_phase(spi_hz):
    """The host's clock drifts past the board's; a transfer may end between any two bytes."""
    board, rng = SpiBoard(TINY, stand_in=True, spi_hz=spi_hz), np.random.default_rng(3)
    board.transfer(b"\0" + RESET)
    assert contents(board.transfer(bytes(40))) == [ANSWER] and not board.driven
    for sequence in range(1, 60):
        data = rng.bytes(4 * int(rng.integers(1, 60)))
        write = encode(
            bytes([Request.WRITE, 2 * sequence - 1 & 255])
            + little((Region.ACTIVATION, 1), (0, 3), (len(data) // 4, 2))
            + data
        )
        read = encode(
            bytes([Request.READ, 2 * sequence & 255])
            + little((Region.ACTIVATION, 1), (0, 3), (len(data) // 4, 2))
        )
        answer, asked = b"", write + read + bytes(2 * len(data) + 60)
        while asked:
            size = int(rng.integers(1, 90))
            answer += board.transfer(asked[:size])
            asked = asked[size:]
        written, found = contents(answer)
        assert written[0] == Request.WRITE | 0x80 and written[2] == 0
        assert found == bytes([Request.READ | 0x80, 2 * sequence & 255, 0]) + data
    assert not board.error


def test_too_fast_a_clock_is_silence():
    board = SpiBoard(TINY, stand_in=True, spi_hz=100e6 / 1.9)
    with pytest.raises(weft.LinkError, match=r"does not answer .*its clock is slower"):
        BoardDriver(Simulated(board), TINY, **DRIVER)


def test_a_transfer_that_is_cut_short_spoils_nothing_behind_it():
    board = SpiBoard(TINY, stand_in=True)
    for bits in range(8 * len(RESET)):
        board.transfer(RESET, bits)
        board.transfer(bytes(60))  # a zero may be all that it lacks, and is answered
        assert contents(board.transfer(RESET + bytes(60))) == [ANSWER]


def test_faults_on_the_lines_never_give_a_wrong_result():
    board = SpiBoard(TINY, stand_in=True)
    with BoardDriver(Simulated(board), TINY, timeout=0.004, retries=6, run_timeout=0.2) as driver:
        exerciser, attempts = Exerciser(driver, 7), 0
        board.disturb(7, 12_000)
        while board.faults < FAULTS:
            exerciser.attempt()
            attempts += 1
        board.disturb(0, 0)
        exerciser.succeed()
        print(
            f"{board.faults:,} faults in {attempts:,} exchanges, {exerciser.errors} errors, "
            f"{driver.statistics}"
        )
        assert driver.statistics.retries > 0 and board.error


def test_digits_through_the_pins():
    images = held_out_inputs()[0][:4]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    board = SpiBoard(TINY)
    device = open_over(Simulated(board), TINY, name="spi", **DRIVER)
    with weft.InferenceSession("digits", device=device, config="tiny") as session:
        assert np.array_equal(session.run(None, {"image": images})[0], expected)
        assert session.profile.link.kind == "spi" and session.profile.link.retries == 0
        assert not board.error


def test_an_image_takes_little_more_than_its_bits():
    """Of 2.08 MB/s each way: requests and replies pass at the same time."""
    builder = Builder(3)
    graph = builder.build(builder.conv(builder.input(20, 20, 3), 4, kernel=(2, 2), stride=(4, 4)))
    took = milliseconds(Simulated(SpiBoard(TINY)), TINY, graph)
    assert took < 1.3e3 * 20 * 20 * 3 / (FASTEST / 8)

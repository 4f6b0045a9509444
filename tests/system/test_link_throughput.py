"""What a link carries: small inferences ahead of their replies, and tensor bytes over TCP."""

import time
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from links.latency import LateTransport
from links.served import serving
from weft.driver.board import Block, BoardDriver, UnitRange
from weft.driver.link import Link
from weft.driver.transports import open_transport
from weft.driver.transports.sim import SimTransport
from weft_hw.boards import BITS_PER_BYTE
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request
from weft_sim.memory_engine import CYCLES_PER_DESCRIPTOR
from weft_sim.pin_board import PinBoard

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
TINY = get_config("tiny")
LATENCIES = pytest.mark.parametrize("latency", [0.0, 0.001])
AHEAD = 3  # inferences under way at once: 12 of the 16 requests that the board holds


def open_line(latency):
    """Return a transport through the pins of a serial port at 3 Mbaud, and the board behind it."""
    transport = SimTransport(TINY, stand_in=True, uart=(25_000_000, 3_000_000))
    assert isinstance(transport.board, PinBoard)
    return LateTransport(transport, latency), transport.board


def share_of_line(line, count, begin):
    """Return how much of the line's capacity ``count`` bytes took since cycle ``begin``."""
    return count * BITS_PER_BYTE / line.baud / ((line.cycles - begin) / line.clock_hz)


@LATENCIES
def test_weights_use_the_line_rate(latency):
    transport, line = open_line(latency)
    data = np.random.default_rng(34).bytes(TINY.rows * 8192)
    with BoardDriver(transport, TINY) as board:
        begin = line.cycles
        board.write(Region.WEIGHT, 0, data)
        share = share_of_line(line, len(data), begin)
        print(f"{share:.1%} of the line rate")
        assert share >= 0.95


@LATENCIES
def test_reading_uses_the_line_rate(latency):
    transport, line = open_line(latency)
    units = TINY.activation_words
    with BoardDriver(transport, TINY) as board:
        board.write(Region.ACTIVATION, 0, bytes(4 * units))
        begin = line.cycles
        board.execute(reads=16 * [UnitRange(Region.ACTIVATION, 0, units)])
        share = share_of_line(line, 64 * units, begin)
        print(f"{share:.1%} of the line rate")
        assert share >= 0.95


def test_both_ways_carry_data_at_a_time():
    """As much is read as is written: little more than the time that one way takes."""
    transport, line = open_line(0.0)
    units = TINY.activation_words
    content, weights = (np.random.default_rng(35).bytes(n * 4 * units) for n in (1, 6))
    with BoardDriver(transport, TINY) as board:
        board.write(Region.ACTIVATION, 0, content)
        begin = line.cycles
        groups = board.exchange(
            [Block(Region.WEIGHT, 0, weights)], 6 * [UnitRange(Region.ACTIVATION, 0, units)]
        )
        for calls in groups:
            assert b"".join(board.finish(call) for call in calls) == content
        board.wait()
        share = share_of_line(line, len(weights), begin)
        print(f"{share:.1%} of the line rate each way")
        assert share >= 0.9


@LATENCIES
def test_small_inferences_ahead_of_their_replies_keep_the_line_busy(latency):
    """An 8x8 image in, 10 scores out: the requests fill 90 % of the time that the line has."""
    transport, line = open_line(latency)
    link = Link(transport)
    link.open()
    images, runs = np.random.default_rng(41).integers(0, 256, (60, 64), np.uint8), deque()

    def start(number):
        place = {"region": Region.ACTIVATION, "address": 16 * (number % 4)}
        link.submit(Request.WRITE, {**place, "count": 16}, images[number].tobytes())
        link.submit(Request.RUN, {"first": 0, "count": 5, "run": number})
        wait = link.submit(Request.WAIT)
        runs.append((number, wait, link.submit(Request.READ, {**place, "count": 3})))

    def finish():
        number, wait, read = runs.popleft()
        run, cycles = link.finish(wait, 1.0)[:2], link.finish(wait, 1.0)[2:]
        assert int.from_bytes(run, "little") == number
        assert int.from_bytes(cycles, "little") == 5 * CYCLES_PER_DESCRIPTOR
        assert link.finish(read, 1.0) == images[number, :12].tobytes()

    begin, sent = line.cycles, link.statistics.bytes_to_board
    for number in range(len(images)):
        start(number)
        if len(runs) > AHEAD:
            finish()
    while runs:
        finish()
    share = share_of_line(line, link.statistics.bytes_to_board - sent, begin)
    rate = len(images) / ((line.cycles - begin) / line.clock_hz)
    print(f"{share:.1%} of the line rate, {rate:.0f} inferences/s")
    assert share >= 0.90 and link.statistics.retries == 0
    transport.close()


def cpu_of_two_megabytes(board, cpu):
    """Return the CPU time of writing and reading tensors of 1 MB each; ``cpu`` tells it."""
    data = np.random.default_rng(42).bytes(TINY.columns * TINY.activation_words)
    begin = cpu()
    for _ in range(10):
        _, got = board.execute(
            [Block(Region.ACTIVATION, 0, data)] * 50,
            None,
            [UnitRange(Region.ACTIVATION, 0, TINY.activation_words)] * 50,
        )
        assert got == [data] * 50
    assert board.statistics.retries == 0
    return cpu() - begin


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="counts CPU time in /proc")
def test_tcp_adds_little_to_the_simulation():
    """CPU time of both processes, against that of a board in this one: 1.1 to 1.4 times it."""
    with BoardDriver(SimTransport(TINY, stand_in=True), TINY) as board:
        alone = cpu_of_two_megabytes(board, time.process_time)
    with serving("tcp") as server, BoardDriver(open_transport(server.device, TINY), TINY) as board:
        served = cpu_of_two_megabytes(board, lambda: time.process_time() + server.cpu_seconds())
    print(f"{2 / served:.2f} MB/s of CPU time, {2 / alone:.2f} in one process")
    assert served <= 2 * alone

"""The whole design through the pins of its serial port, on a line that is off, noisy or broken."""

import numpy as np
import pytest
import weft
from graph_builder import Builder
from links.exercise import UNITS, Exerciser
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.board import BoardDriver
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft.golden import run as reference
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.boards import BITS_PER_BYTE
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.pin_board import PinBoard

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
TINY = get_config("tiny")
UART = (25_000_000, 3_000_000)  # 8 1/3 cycles a bit
DRIVER = {"timeout": 0.02, "retries": 6, "run_timeout": 0.2}


def open_line(**options):
    """Return a transport through the pins, and the board behind it."""
    transport = SimTransport(TINY, uart=UART, **options)
    assert isinstance(transport.board, PinBoard)
    return transport, transport.board


@pytest.mark.parametrize("error", [-0.02, 0, 0.02])
def test_a_host_may_be_off_by_two_percent(error):
    transport, line = open_line(stand_in=True)
    line.set_host(error)
    data = np.random.default_rng(31).bytes(3 * UNITS) + bytes(UNITS // 2) + b"\xff" * (UNITS // 2)
    with BoardDriver(transport, TINY, **DRIVER) as board:
        for _ in range(3):
            board.write(Region.ACTIVATION, 0, data)
            assert board.read(Region.ACTIVATION, 0, UNITS) == data
        assert board.statistics.retries == board.statistics.damaged == 0
        assert not line.error


def test_a_line_that_is_far_off_is_an_error():
    transport, line = open_line(stand_in=True)
    line.set_host(0.12)
    with pytest.raises(LinkError, match="does not answer"):
        BoardDriver(transport, TINY, **DRIVER)


def test_glitches_are_ignored_or_repaired():
    """Hundreds of spikes of a cycle; only one just before a start bit can cost a frame."""
    transport, line = open_line(stand_in=True)
    with BoardDriver(transport, TINY, **DRIVER) as board:
        line.disturb(32, 200, only_glitches=True)
        exerciser = Exerciser(board, 32)
        for _ in range(6):
            exerciser.succeed()
        print(f"{line.disturbances} glitches, {board.statistics}")
        assert line.disturbances > 300
        assert board.statistics.retries < line.disturbances // 50


def test_breaks_and_garbled_bytes_never_give_a_wrong_result():
    """Glitches, inverted bits, framing errors and breaks, at rates that are off as well."""
    transport, line = open_line(stand_in=True)
    with BoardDriver(transport, TINY, **DRIVER) as board:
        exerciser = Exerciser(board, 33)
        for error in (-0.02, 0, 0.02):
            line.set_host(error)
            line.disturb(33, 12_000)
            for _ in range(12):
                begin = transport.now()
                exerciser.attempt()
                assert transport.now() - begin < 2.0
            line.disturb(0, 0)
            exerciser.succeed()
        print(f"{line.disturbances} disturbances, {exerciser.errors} errors, {board.statistics}")
        assert line.disturbances > 60 and board.statistics.damaged > 5
        assert board.statistics.retries > 10 and line.error


def test_digits_through_the_pins():
    """All of a board's gateware: right on a line that is off, right or an error on a noisy one."""
    images = held_out_inputs()[0][:6]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    transport, line = open_line()
    line.set_host(0.02)
    device = open_over(transport, TINY, name="pins", **DRIVER)
    with weft.InferenceSession("digits", device=device, config="tiny") as session:
        assert np.array_equal(session.run(None, {"image": images[:2]})[0], expected[:2])
        assert session.profile.link.retries == 0 and not line.error
        line.set_host(-0.02)
        line.disturb(35, 3_000)
        for number in range(6):
            try:
                [scores] = session.run(None, {"image": images[number : number + 1]})
            except LinkError:
                continue
            assert np.array_equal(scores[0], expected[number])
        assert line.disturbances > 5
        line.disturb(0, 0)
        assert np.array_equal(session.run(None, {"image": images[:1]})[0], expected[:1])


def test_a_stream_keeps_the_line_busy():
    """A network with little work for its input: the line, not the engine, sets the pace."""
    builder = Builder(3)
    x = builder.conv(builder.input(8, 8, 4), 4, kernel=(2, 2), stride=(4, 4))
    graph = builder.build(x)
    transport, line = open_line()
    device = open_over(transport, TINY, name="pins")
    feeds = [random_feed(graph, seed) for seed in range(12)]
    with weft.InferenceSession(compile_graph(graph, TINY), device=device) as session:
        times, sent = [], []
        for feed, result in zip(feeds, session.stream(feeds), strict=True):
            assert np.array_equal(result, reference.run(graph, feed)[graph.outputs[0]])
            times.append(line.cycles)
            sent.append(device.traffic().bytes_to_board)
        assert session.profile.link.retries == 0
    # From the first result to the last but two, three images are on their way.
    seconds = (times[-3] - times[0]) / line.clock_hz
    share = (sent[-3] - sent[0]) * BITS_PER_BYTE / line.baud / seconds
    print(f"{share:.1%} of the line rate")
    assert share >= 0.90

"""Sessions on the gateware: shared by threads, several boards at once, a board that lost power."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np
import pytest
import weft
from links.served import serving
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.contract.config import get_config
from weft_sim.virtual_board import VirtualBoard

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]
TINY = get_config("tiny")
IMAGES = held_out_inputs()[0][:24]


@pytest.fixture(scope="module")
def expected():
    return weft.InferenceSession("digits").run(None, {"image": IMAGES})[0]


def run_all(session, numbers):
    """Return the numbers of the images whose scores came out, with the scores."""
    return [(n, session.run(None, {"image": IMAGES[n : n + 1]})[0][0]) for n in numbers]


def test_threads_share_a_session(expected):
    with (
        weft.InferenceSession("digits", device="sim", config="tiny") as session,
        ThreadPoolExecutor(4) as pool,
    ):
        parts = pool.map(lambda first: run_all(session, range(first, len(IMAGES), 4)), range(4))
        results = [result for part in parts for result in part]
    assert sorted(n for n, _ in results) == list(range(len(IMAGES)))
    assert all(np.array_equal(scores, expected[n]) for n, scores in results)


def test_several_boards_at_once(expected):
    """One in this process, one behind TCP, one behind a serial port: each its own link and lock."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(how, "real")) for how in ("tcp", "pty")]
        sessions = [
            stack.enter_context(weft.InferenceSession("digits", device=device, config="tiny"))
            for device in ("sim", *(server.device for server in servers))
        ]
        pool = stack.enter_context(ThreadPoolExecutor(3))
        for results in pool.map(lambda session: run_all(session, range(8)), sessions):
            assert all(np.array_equal(scores, expected[n]) for n, scores in results)


def test_a_board_that_lost_power_is_an_error_and_then_loaded_again(expected):
    transport = SimTransport(TINY)
    device = open_over(transport, TINY, name="sim")
    with weft.InferenceSession("digits", device=device, config="tiny") as session:
        run_all(session, range(1))
        transport.board.close()
        transport.board = VirtualBoard(TINY)
        with pytest.raises(LinkError, match="has lost the session"):
            run_all(session, range(1))
        [(_, scores)] = run_all(session, range(1, 2))
        assert np.array_equal(scores, expected[1])


def test_a_closed_session_says_so():
    session = weft.InferenceSession("digits", device="sim", config="tiny")
    session.close()
    session.close()
    with pytest.raises(LinkError, match="the board was closed"):
        run_all(session, range(1))

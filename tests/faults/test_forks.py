"""A session knows its process: a fork of it must not read the other's replies."""

import multiprocessing
import os
import threading

import numpy as np
import pytest
import weft
from links.served import serving
from weft.errors import LinkError

FORK = multiprocessing.get_context("fork")
FEED = {"image": np.ones((1, 1, 8, 8), np.float32)}


def in_a_fork(function):
    """Return what ``function`` returns in a forked process, or its exception as text."""
    queue = FORK.Queue()

    def run():
        try:
            queue.put(("returned", function()))
        except BaseException as error:
            queue.put((type(error).__name__, str(error)))

    process = FORK.Process(target=run)
    process.start()
    result = queue.get(timeout=60)
    process.join(10)
    assert process.exitcode == 0
    return result


@pytest.mark.rtl
@pytest.mark.parametrize("how", ["tcp", "pty"])
def test_a_fork_opens_a_session_of_its_own(how):
    expected = weft.InferenceSession("digits").run(None, FEED)[0].tolist()
    with (
        serving(how, "real") as server,
        weft.InferenceSession("digits", device=server.device, config="tiny") as session,
    ):

        def run():
            return session.run(None, FEED)[0].tolist()

        def stream():
            return list(session.stream([FEED["image"]]))

        message = f"the device was opened by process {os.getpid()}"
        for call in (run, stream):
            assert run() == expected
            kind, text = in_a_fork(call)
            assert kind == "LinkError" and message in text
            assert "opens a session of its own" in text
        # Closing the copy takes neither the link nor the lock from the one who has them.
        assert in_a_fork(session.close) == ("returned", None)
        assert run() == expected
        with pytest.raises(LinkError, match=f"is in use by process {os.getpid()}$"):
            weft.InferenceSession("digits", device=server.device, config="tiny")


@pytest.mark.rtl
def test_a_fork_does_not_wait_for_a_lock_that_was_held():
    with (
        serving("tcp", "real") as server,
        weft.InferenceSession("digits", device=server.device, config="tiny") as session,
    ):
        held, done = threading.Event(), threading.Event()

        def hold():
            with session._model.lock:
                held.set()
                done.wait(30)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(10)
        try:
            assert in_a_fork(lambda: session.run(None, FEED))[0] == "LinkError"
            assert in_a_fork(session.close) == ("returned", None)
        finally:
            done.set()
            thread.join()


def test_sessions_without_a_link_may_be_shared():
    with weft.InferenceSession("digits") as session:
        expected = session.run(None, FEED)[0].tolist()
        assert in_a_fork(lambda: session.run(None, FEED)[0].tolist()) == ("returned", expected)

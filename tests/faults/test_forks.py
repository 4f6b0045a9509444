"""A session knows its process: a fork of it must not read the other's replies."""

import multiprocessing
import os
import signal
import threading
import time
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import weft
from links.served import serving
from stand_in_usb import Device, Pipe, Usb1
from weft.driver.transports.usb import UsbTransport
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


@contextmanager
def all_locks_held(session):
    """Another thread holds every lock of ``session`` meanwhile, as one that runs an image does."""
    board = getattr(session._model.inference.runner, "board", None)
    held, done = threading.Event(), threading.Event()

    def hold():
        with session._model.lock, board.lock if board else nullcontext():
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(10)
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.rtl
@pytest.mark.parametrize("device", ["tcp", "sim"])
def test_a_fork_waits_for_no_lock_that_was_held(device):
    with (
        serving("tcp", "real") if device == "tcp" else nullcontext() as server,
        weft.InferenceSession(
            "digits", device=server.device if server else device, config="tiny"
        ) as session,
    ):
        images = session.stream([FEED["image"]] * 5)
        first = next(images)
        with all_locks_held(session):
            for call in (
                lambda: session.run(None, FEED),
                lambda: list(session.stream([FEED["image"]])),
                lambda: next(images),
                session.reset_state,
            ):
                assert in_a_fork(call)[0] == "LinkError"
            assert in_a_fork(lambda: session.set_shapes({}))[0] == "ModelError"
            assert in_a_fork(images.close) == ("returned", None)
            assert in_a_fork(session.close) == ("returned", None)
        rest = list(images)
        assert len(rest) == 4 and all(np.array_equal(result, first) for result in rest)


def test_on_the_golden_model_a_fork_has_a_session_of_its_own():
    """It computes whatever the other threads were doing; the states of both go their ways."""
    with weft.InferenceSession("digits") as session:
        expected = session.run(None, FEED)[0].tolist()
        with all_locks_held(session):
            assert in_a_fork(lambda: session.run(None, FEED)[0].tolist()) == ("returned", expected)
            assert in_a_fork(session.reset_state) == ("returned", None)
            assert in_a_fork(session.close) == ("returned", None)
        assert session.run(None, FEED)[0].tolist() == expected


def test_forks_while_other_threads_compute():
    stop = threading.Event()
    with weft.InferenceSession("digits") as session:
        expected = session.run(None, FEED)[0].tolist()

        def compute():
            while not stop.is_set():
                session.run(None, FEED)

        threads = [threading.Thread(target=compute) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                found = in_a_fork(lambda: session.run(None, FEED)[0].tolist())
                assert found == ("returned", expected)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


@pytest.mark.rtl
@pytest.mark.parametrize("how", ["tcp", "pty"])
def test_what_its_owner_closed_a_fork_does_not_keep(how):
    """Neither the lock nor the link: the next session gets both. So it does from one killed."""

    def open_and_fork(closes):
        session = weft.InferenceSession("digits", device=server.device, config="tiny")
        forks.append(os.fork())
        if not forks[-1]:
            time.sleep(60)
            os._exit(0)
        pipe.send(forks[-1])
        if closes:
            session.close()
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    for closes in (True, False):
        with serving(how, "real") as server:
            forks, (pipe, other) = [], multiprocessing.Pipe()
            process = FORK.Process(target=open_and_fork, args=(closes,))
            process.start()
            fork = other.recv()
            os.waitpid(process.pid or 0, 0)  # join waits for its fork, too
            try:
                with weft.InferenceSession(
                    "digits", device=server.device, config="tiny"
                ) as next_one:
                    next_one.run(None, FEED)
            finally:
                os.kill(fork, signal.SIGKILL)


def test_a_fork_gives_no_usb_device_back():
    """Its copy is the owner's open file: what libusb cancels and releases there is the owner's."""
    device = Device(Pipe())
    transport = UsbTransport(0x1209, 1, library=Usb1([device]))

    def close():
        transport.close()
        return device.claimed, device.handles, [t.cancelled for t in device.incoming]

    assert in_a_fork(close) == ("returned", (True, 1, [False] * len(device.incoming)))
    assert device.incoming
    transport.close()
    assert not device.claimed

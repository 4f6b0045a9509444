"""Hosts that are killed at any point: the next session finds a board that works."""

import os
import random
import signal
import time
from collections import Counter

import numpy as np
import pytest
import weft
from links.served import serving
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_device
from weft_hw.contract.config import get_config

pytestmark = pytest.mark.tools
TINY = get_config("tiny")
KILLS = int(os.environ.get("WEFT_KILLS", "16"))  # for each way to the board


def work(device, programs, images):
    """Open, load, infer and close, one program after the other."""
    for program in programs:
        with weft.InferenceSession(program, device=device) as session:
            session.run(None, {"image": images[:1]})


def kill_one(seconds, *arguments):
    """Run :func:`work` in another process that is killed after ``seconds``; return its status."""
    child = os.fork()
    if child == 0:
        try:
            while True:
                work(*arguments)
        finally:
            os._exit(1)  # an error: a host that is killed does not come here
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
@pytest.mark.timeout(900 + 5 * KILLS)
@pytest.mark.parametrize("how", ["tcp", "pty"])
def test_a_killed_host_leaves_a_board_that_works(how):
    seed = 51
    print(f"seed {seed}, {KILLS} kills")
    rng, images = random.Random(seed), held_out_inputs()[0][:3]
    roundings = ("onnxruntime", "reference")  # two programs with different parameters
    programs = [weft.compile("digits", config="tiny", rounding=each) for each in roundings]
    expected = [
        weft.InferenceSession("digits", rounding=each).run(None, {"image": images})[0]
        for each in roundings
    ]
    outcomes = Counter()
    with serving(how, "real") as server:
        begin = time.monotonic()
        work(server.device, programs, images)
        longest = 1.5 * (time.monotonic() - begin)
        for _ in range(KILLS):
            status = kill_one(rng.uniform(0, longest), server.device, programs, images)
            assert os.WIFSIGNALED(status), "the host died of something else"
            which = rng.randrange(2)
            device = open_device(server.device, TINY)
            with weft.InferenceSession(programs[which], device=device) as session:
                loaded = device.traffic().bytes_to_board > 5_000
                outcomes["loaded" if loaded else "found"] += 1
                assert np.array_equal(session.run(None, {"image": images})[0], expected[which])
                assert session.profile.link.retries == 0
    print(dict(outcomes))
    assert min(outcomes["loaded"], outcomes["found"]) > KILLS // 20

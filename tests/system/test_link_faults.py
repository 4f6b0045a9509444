"""A link that lies: every result is right or an error, and the link recovers by itself."""

import os
import time
from collections import Counter

import numpy as np
import pytest
import weft
from links.exercise import Exerciser
from weft.driver.board import BoardDriver
from weft.driver.transports.faults import FAULTS, FaultyTransport
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft_hw.contract.config import get_config

pytestmark = pytest.mark.tools
TINY = get_config("tiny")
BROKEN = ("gone", "reconnect")  # the link itself fails
KINDS = (*FAULTS, "delay", *BROKEN)
ROUNDS = int(os.environ.get("WEFT_FAULT_ROUNDS", "1000"))
LIMIT = 2.0  # simulated seconds, of the driver's own limits below, that an attempt may take
DRIVER = {"timeout": 0.02, "retries": 6, "run_timeout": 0.2}


def torment(seed, rate, rounds, kinds):
    """Exchange plain memory traffic; return the faults and the errors."""
    transport = FaultyTransport(SimTransport(TINY, stand_in=True), seed=seed, rate=0, kinds=kinds)
    with BoardDriver(transport, TINY, **DRIVER) as board:
        exerciser = Exerciser(board, seed)
        exerciser.succeed()
        transport.rate = rate
        for _ in range(rounds):
            begin = transport.now()
            exerciser.attempt()
            assert transport.now() - begin < LIMIT
        transport.rate = 0
        exerciser.succeed()
    return transport.count, exerciser.errors


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_each_fault(kind):
    count, errors = torment(11, 0.1, 60, (kind,))
    print(f"{kind}: {count} faults, {errors} errors")
    assert count > 10
    # Only a link that breaks down is reported; everything else is repaired.
    assert errors == (count if kind in BROKEN else 0)


@pytest.mark.timeout(900)
def test_all_faults_together():
    count, errors = torment(12, 0.15, 1000, KINDS)
    print(f"{count} faults, {errors} errors")
    assert count > 500


@pytest.mark.timeout(900 + ROUNDS // 2)
def test_faulted_inferences():
    """Digits on the gateware over a link with every fault: right scores or an error, in time.

    The seed counts up; every 20 inferences the faults stop, and the next one has to be right.
    """
    seed, rate = 13, 0.15
    print(f"seed {seed}, rate {rate}, {ROUNDS} inferences")
    images = held_out_inputs()[0]
    [expected] = weft.InferenceSession("digits").run(None, {"image": images})
    transport = FaultyTransport(SimTransport(TINY), seed=seed, rate=0, kinds=KINDS)
    device = open_over(transport, TINY, name="faulty", **DRIVER)
    outcomes, retries, slowest = Counter(), 0, 0.0
    begin = time.monotonic()
    with weft.InferenceSession("digits", device=device, config="tiny") as session:
        for number in range(ROUNDS):
            faults = transport.count
            transport.rate = 0 if number % 20 == 19 else rate
            which, start = number % len(images), transport.now()
            try:
                [scores] = session.run(None, {"image": images[which : which + 1]})
            except LinkError:
                assert transport.rate, f"inference {number}: the faults had stopped"
                outcomes["errors"] += 1
            else:
                assert np.array_equal(scores[0], expected[which]), f"inference {number}"
                outcomes["right"] += 1
                outcomes["right in spite of faults"] += transport.count > faults
                retries += session.profile.link.retries
            slowest = max(slowest, transport.now() - start)
            if number % 5_000 == 4_999:
                print(
                    f"{number + 1} inferences, {transport.count} faults: {dict(outcomes)}",
                    flush=True,
                )
    print(
        f"{transport.count} faults: {dict(outcomes)}; {retries} retries in the profiles, slowest "
        f"{slowest:.2f} simulated s, {time.monotonic() - begin:.0f} s in all"
    )
    assert slowest < LIMIT
    assert outcomes["right in spite of faults"] > ROUNDS // 4 and outcomes["errors"] > ROUNDS // 50
    assert transport.count > ROUNDS and retries > ROUNDS // 4

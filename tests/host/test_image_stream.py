"""Images that overlap: right whenever the board gets round to what was queued.

The device carries out runs descriptor by descriptor, and what is queued behind a run at random
moments of it, as the gateware may. tests/system measures how well the gateware overlaps.
"""

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import weft
from weft.compiler import compile_graph
from weft.importers import load_model
from weft.models.digits import MODEL, held_out_inputs
from weft.program import RunStep
from weft.runtime.device import OpenDevice
from weft.runtime.stream import ImageStream
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import FunctionalSimulator


class LateQueue:
    """Carries out what was queued as late as it may, and during a run at random moments of it."""

    def __init__(self, simulator, rng, loses=()):
        self.simulator, self.rng, self.queue = simulator, rng, []
        self.under_way: list[int] = []  # descriptors of the run that was started
        self.answers, self.tickets, self.loses = {}, count(), loses

    def run(self, first, count):
        self.queue.append(("run", first, count))

    def exchange(self, reads, writes):
        # All writes come first, then all reads: no order is promised.
        self.queue += [("write", *block) for block in writes]
        tickets = [next(self.tickets) for _ in reads]
        self.queue += [
            ("read", ticket, *place) for ticket, place in zip(tickets, reads, strict=True)
        ]
        return tickets

    def advance(self, steps):
        for number in self.under_way[:steps]:
            self.simulator.run(number, 1)
        del self.under_way[:steps]

    def carry_out(self):
        """One request, after a part of the run that is under way."""
        self.advance(int(self.rng.integers(len(self.under_way) + 1)))
        kind, *what = self.queue.pop(0)
        if kind == "write":
            self.simulator.write(*what)
        elif kind == "run":
            self.advance(len(self.under_way))
            self.under_way = list(range(what[0], what[0] + what[1]))
        else:
            self.answers[what[0]] = self.simulator.read(*what[1:])

    def collect(self, ticket):
        while ticket not in self.answers:
            self.carry_out()
        return None if ticket in self.loses else self.answers[ticket]

    def settle(self):
        while self.queue:
            self.carry_out()
        self.advance(len(self.under_way))


class NotedQueue:
    """Notes how many reads and writes come together; every result is zero."""

    def __init__(self):
        self.together = []

    def run(self, first, count):
        pass

    def exchange(self, reads, writes):
        self.together.append((len(reads), len(writes)))
        return [bytes(16 * place.units) for place in reads]

    def collect(self, ticket):
        return ticket

    def settle(self):
        pass


class Memories(FunctionalSimulator):
    def read(self, region, unit, count):
        if region is Region.COUNTER:
            return bytes(4 * count)
        return super().read(region, unit, count)


@pytest.fixture(scope="module")
def images():
    return held_out_inputs()[0][:12]


@pytest.fixture(scope="module")
def scores(images):
    return weft.InferenceSession(MODEL).run(None, {"image": images})[0]


def open_late(name, seed, loses=()):
    config = get_config(name)
    simulator = Memories(config)
    queue = LateQueue(simulator, np.random.default_rng(seed), loses)
    return OpenDevice("late", config, simulator, queue=queue)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("config", "note"),
    [
        ("ulx3s-85f", "two buffers"),
        ("tiny", "cut"),
    ],
)
def test_results_in_order(config, note, seed, images, scores):
    with weft.InferenceSession(MODEL, device=open_late(config, seed), config=config) as session:
        streamed = list(session.stream(image[None] for image in images))
        assert np.array_equal(np.concatenate(streamed), scores)
        assert note in session.profile.stream and session.profile.images == len(images)
        # Batches, and a single image.
        streamed = list(session.stream([images[:5], images[5:6], images[6:]]))
        assert [len(values) for values in streamed] == [5, 1, 6]
        assert np.array_equal(np.concatenate(streamed), scores)
        [one] = session.stream([images[3:4]])
        assert np.array_equal(one, scores[3:4])
        assert list(session.stream([])) == []


@pytest.mark.parametrize("config", ["ulx3s-85f", "tiny"])
def test_lost_replies(config, images, scores):
    """A result that was lost may be overwritten already; its image begins afresh."""
    device = open_late(config, 1, loses=(0, 3, 4, 9))
    with weft.InferenceSession(MODEL, device=device, config=config) as session:
        streamed = list(session.stream(image[None] for image in images))
    assert np.array_equal(np.concatenate(streamed), scores)


@pytest.mark.parametrize("config", ["ulx3s-85f", "tiny"])
def test_other_users_in_between(config, images, scores):
    """A run, another stream, and another session on the same device, while a stream is open."""
    device = open_late(config, 2)
    with weft.InferenceSession(MODEL, device=device, config=config) as session:
        other = weft.InferenceSession(MODEL, device=device, config=config)
        streams = [session.stream(image[None] for image in images) for _ in range(2)]
        for index in range(len(images)):
            for stream in streams[: 1 + (index % 3 > 0)]:
                found = next(stream)
                if stream is streams[0]:
                    assert np.array_equal(found, scores[index : index + 1])
            if index % 4 == 1:
                [found] = session.run(None, {"image": images[7:8]})
                assert np.array_equal(found, scores[7:8])
            if index % 4 == 2:
                [found] = other.run(None, {"image": images[8:9]})
                assert np.array_equal(found, scores[8:9])
        rest = np.concatenate(list(streams[1]))
        assert np.array_equal(rest, scores[-len(rest) :])
        # One that is left off in the middle leaves nothing behind.
        left = session.stream(image[None] for image in images)
        next(left)
        left.close()
        assert device.stream is None
        [found] = session.run(None, {"image": images[:1]})
        assert np.array_equal(found, scores[:1])


def test_a_wrong_image_comes_after_the_results_before_it(images, scores):
    device = open_late("tiny", 3)
    with weft.InferenceSession(MODEL, device=device, config="tiny") as session:
        stream = session.stream([images[:1], images[1:2], np.zeros((1, 1, 8, 8))])
        assert np.array_equal(next(stream), scores[:1])
        assert np.array_equal(next(stream), scores[1:2])
        with pytest.raises(weft.ModelError, match="must be float32, not float64"):
            next(stream)


def test_devices_that_cannot_say_so(images, scores):
    device = open_late("tiny", 4)
    device.queue = None
    with weft.InferenceSession(MODEL, device=device, config="tiny") as session:
        streamed = list(session.stream(image[None] for image in images[:3]))
        assert np.array_equal(np.concatenate(streamed), scores[:3])
        assert "one image after the other" in session.profile.stream


@pytest.mark.parametrize("meet", [False, True])
def test_reads_and_writes_go_together_unless_they_meet(meet, images):
    config = get_config("ulx3s-85f")
    program = compile_graph(load_model(MODEL), config)
    [step] = [step for step in program.steps if isinstance(step, RunStep)]
    [image], [result] = step.loads, step.reads
    if meet:
        places = program.places
        moved = replace(places[result], base=places[image].base + places[image].units - 1)
        program = replace(program, places={**places, result: moved})
    queue = NotedQueue()
    device = OpenDevice("noted", config, Memories(config), queue=queue)
    resident: Any = SimpleNamespace(ensure=lambda: None)
    stream = ImageStream(program, device, queue, resident)
    assert len(list(stream.results({"image": images[n : n + 1]} for n in range(6)))) == 6
    assert sum(writes for _, writes in queue.together) == 6
    both = [reads > 0 < writes for reads, writes in queue.together]
    # Images take two sets of buffers in turns, and only the first set was changed.
    assert sum(both) == (2 if meet else 4)

"""Programs are loaded once, and never taken for granted; sessions share devices without harm."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import weft
from weft.errors import LinkError
from weft.models.digits import held_out_inputs
from weft.runtime.device import OpenDevice
from weft.runtime.resident import program_label
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import FunctionalSimulator

TINY = get_config("tiny")


class LabelledSimulator(FunctionalSimulator):
    """The functional simulator with a label, as docs/protocol.md has it, and link sessions."""

    def __init__(self):
        super().__init__(TINY)
        self.session, self.written, self.value = 1, {}, 0
        self.forgets = False  # labels that are set

    def write(self, region, unit, data):
        if region != Region.ACTIVATION:
            self.value = 0
        self.written[region] = self.written.get(region, 0) + 1
        super().write(region, unit, data)

    def read(self, region, unit, count):
        if region is Region.COUNTER:
            return bytes(4 * count)
        return super().read(region, unit, count)

    def label(self):
        return self.value

    def set_label(self, value):
        self.value = 0 if self.forgets else value


def device_of(simulator):
    return OpenDevice("simulator", TINY, simulator, marks=simulator)


@pytest.fixture
def programs():
    """Two programs of one network that give different scores."""
    first = weft.compile("digits", config="tiny")
    second = weft.compile("digits", config="tiny")
    for image in second.images:
        if image.region == Region.PARAMETER:  # other biases
            object.__setattr__(image, "data", bytes(b ^ 3 for b in image.data))
    return first, second


def longer(program):
    """The same program, said to take 1,000 cycles more in one of its layers."""
    first, *others = program.descriptors
    more = replace(first, predicted_cycles=first.predicted_cycles + 1000)
    return replace(program, descriptors=(more, *others))


@pytest.fixture
def images():
    return held_out_inputs()[0][:4]


def scores(session, images):
    return session.run(None, {"image": images})[0]


def test_a_program_is_loaded_once_and_found_by_the_next_session(programs, images):
    simulator = LabelledSimulator()
    expected = scores(weft.InferenceSession("digits"), images)
    for count in (1, 1, 1):
        session = weft.InferenceSession(programs[0], device=device_of(simulator))
        assert np.array_equal(scores(session, images), expected)
        assert np.array_equal(scores(session, images), expected)
        loads = sum(image.region == Region.WEIGHT for image in programs[0].images)
        assert simulator.written[Region.WEIGHT] == count * loads
        assert simulator.value == program_label(programs[0])


def test_a_device_is_told_how_long_a_run_takes(programs, images):
    """Those of the program whose turn it is, each time."""
    told: list[int] = []
    device = device_of(LabelledSimulator())
    device.expect = told.append
    sessions = [
        weft.InferenceSession(each, device=device) for each in (programs[0], longer(programs[1]))
    ]
    told.clear()
    for session in (*sessions, sessions[0]):
        scores(session, images[:1])
    assert len(told) == 3 and told == [told[0], told[0] + 1000, told[0]] and told[0] > 1000


def test_another_link_session_may_find_another_program(programs, images):
    """The board lost its memories, or somebody else loaded it: seen before the next image."""
    simulator = LabelledSimulator()
    session = weft.InferenceSession(programs[0], device=device_of(simulator))
    expected = scores(session, images)
    for image in programs[1].images:  # as another process would
        simulator.write(image.region, image.unit, image.data)
    simulator.set_label(program_label(programs[1]))
    simulator.session += 1
    assert np.array_equal(scores(session, images), expected)
    simulator.write(Region.WEIGHT, 0, bytes(TINY.rows))  # killed while loading
    simulator.session += 1
    assert np.array_equal(scores(session, images), expected)


def test_a_label_that_does_not_stick_is_an_error(programs):
    simulator = LabelledSimulator()
    simulator.forgets = True
    with pytest.raises(LinkError, match=r"holds program 00000000 after [0-9a-f]{8} was loaded"):
        weft.InferenceSession(programs[0], device=device_of(simulator))


def test_labels_tell_programs_apart(programs):
    first, second = map(program_label, programs)
    assert 0 < first < 1 << 32 and 0 < second < 1 << 32 and first != second
    assert first == program_label(weft.compile("digits", config="tiny"))


def test_threads_share_a_session_and_sessions_share_a_device(programs, images):
    device = device_of(LabelledSimulator())
    sessions = [weft.InferenceSession(program, device=device) for program in programs]
    expected = [scores(session, images) for session in sessions]
    assert not np.array_equal(expected[0], expected[1])
    wrong, ran = [], []

    def work(number):
        for _ in range(5):
            which = number % 2
            got = scores(sessions[which], images)
            ran.append(number)
            if not np.array_equal(got, expected[which]):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ran) == 20 and wrong == []

"""Programs loaded past the link are where the link would have put them, at a unit a cycle."""

import numpy as np
import pytest
import weft
from weft.driver.board import BoardDriver
from weft.driver.transports.sim import SimTransport
from weft.errors import LinkError
from weft.models.digits import held_out_inputs
from weft.runtime.devices import open_over
from weft.runtime.resident import Resident, program_label
from weft_hw.contract.config import get_config
from weft_hw.contract.memory_map import Region, memory_map

pytestmark = [pytest.mark.tools, pytest.mark.timeout(600)]
TINY = get_config("tiny")


def test_each_memory_takes_the_same_units_either_way():
    """The stand-in for the engine keeps a checksum of each region's writes, in their order."""
    rng, sums, activations = np.random.default_rng(5), [], []
    memories = {r: m for r, m in memory_map(TINY).items() if m.writable}
    blocks = [
        (region, first, rng.bytes(count * memory.unit_bytes))
        for region, memory in memories.items()
        for first, count in ((0, 7), (memory.units - 3, 3))
    ]
    # What the link leaves out and the board puts back: zeros at the end of each word.
    words = np.frombuffer(blocks[0][2], np.uint8).reshape(7, -1) * (np.arange(TINY.columns) < 1)
    blocks[0] = (*blocks[0][:2], words.astype(np.uint8).tobytes())
    assert blocks[0][0] == Region.ACTIVATION
    for past_link in (False, True):
        transport = SimTransport(TINY, stand_in=True, past_link=past_link)
        with BoardDriver(transport, TINY) as board:
            assert transport.loads == past_link
            sent = board.statistics.bytes_to_board
            for block in blocks:
                board.load(*block)
            assert (board.statistics.bytes_to_board == sent) == past_link
            sums.append(board.read(Region.COUNTER, 0, len(Region)))
            activations.append(board.read(Region.ACTIVATION, 0, 7))
            with pytest.raises(ValueError, match="WEIGHT takes units of"):
                board.load(Region.WEIGHT, 0, bytes(1))
            with pytest.raises(ValueError, match="COUNTER cannot be written"):
                board.load(Region.COUNTER, 0, bytes(4))
    assert sums[0] == sums[1] and any(sums[0])
    assert activations == [blocks[0][2]] * 2


@pytest.mark.parametrize("past_link", [False, True])
def test_a_session_opens_with_few_bytes_and_the_label_counts(past_link):
    images, program = held_out_inputs()[0][:2], weft.compile("digits", config="tiny")
    weights = sum(len(image.data) for image in program.images)
    transport = SimTransport(TINY, past_link=past_link)
    device = open_over(transport, TINY, name="sim")
    with weft.InferenceSession(program, device=device, check=True) as session:
        assert (device.traffic().bytes_to_board < weights) == past_link
        session.run(None, {"image": images})
        marks = device.marks
        assert marks is not None and marks.label() == program_label(program)


def test_a_load_that_was_broken_off_leaves_no_label(monkeypatch):
    """The label of the program before would speak for memories that hold half of the next."""
    first, second = (weft.compile("digits", config="tiny") for _ in range(2))
    for image in second.images:
        object.__setattr__(image, "data", bytes(byte ^ 1 for byte in image.data))
    transport = SimTransport(TINY, past_link=True)
    device = open_over(transport, TINY, name="sim")
    assert Resident(first, device).ensure()
    marks = device.marks
    assert marks is not None and marks.label() == program_label(first)
    load, calls = transport.load, []

    def broken(*block):
        calls.append(block)
        if len(calls) > 1:
            raise LinkError("broken off")
        load(*block)

    monkeypatch.setattr(transport, "load", broken)
    with pytest.raises(LinkError, match="broken off"):
        Resident(second, device).ensure()
    assert marks.label() == 0
    monkeypatch.undo()
    assert Resident(first, device).ensure()
    device.close()

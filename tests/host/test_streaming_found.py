"""Random networks that once failed where memories are small; the seeds are of ``networks.fuzz``."""

import pytest
from networks.streamed import SimulatorBoards
from weft.compiler.streaming import planner


@pytest.mark.parametrize(
    ("form", "seed"),
    [
        ("qoperator", 6032),  # a part of a concatenation wrote over the next one
        ("qdq", 6111),  # a load of no word: a run whose first rows need none of a stripe's new ones
        ("qdq", 6514),
        ("qdq", 20069),  # a copy for the debugger went on to the end of its last block
    ],
)
def test_every_value_is_the_golden_models(monkeypatch, form, seed):
    monkeypatch.setattr(planner, "LOOKS", planner.LOOKS)  # which the boards change
    outcome = SimulatorBoards().compare(form, seed)
    assert outcome.compared > 0 and not outcome.differences


def test_a_concatenation_keeps_its_parts_over_a_host_step(monkeypatch):
    monkeypatch.setattr(planner, "LOOKS", planner.LOOKS)
    outcome = SimulatorBoards().compare("tflite-split", 80105, (5, 7, 8))
    assert outcome.compared > 0 and not outcome.differences

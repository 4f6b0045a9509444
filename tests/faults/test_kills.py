"""A dozen kills at random moments; ``python -m kills`` does more."""

import pytest
from kills import kill_at_random


@pytest.mark.parametrize("name, count", [("compile", 4), ("run", 4), ("report", 2), ("build", 2)])
def test_killed(tmp_path, name, count):
    kill_at_random(name, count, tmp_path, seed=2)

"""A complete build, from the source to the bitstream, of the smallest design."""

import pytest
from small_board import BOARD

pytestmark = [pytest.mark.rtl, pytest.mark.timeout(1800)]
# As nextpnr packs them, by yosys 0.70.
RECORDED = {"lut4": 10_339, "ff": 10_137, "dsp": 6, "block_ram": 25}
GROWTH = 1.03
STALE = 0.90  # below it, what is recorded no longer guards anything


def test_resources_have_not_grown(small_builds):
    _, report = small_builds[0]
    assert report["seeds"][0]["met"]
    used = {name: resource["used"] for name, resource in report["resources"].items()}
    for name, recorded in RECORDED.items():
        assert used[name] <= GROWTH * recorded, f"{name} has grown from {recorded}: {used}"
        assert used[name] >= STALE * recorded, f"record less {name} than {recorded}: {used}"


def test_the_same_source_and_seed_give_the_same_bytes(small_builds):
    first, second = (folder / f"{BOARD.name}.bit" for folder, _ in small_builds)
    assert first.stat().st_size > 10_000
    assert first.read_bytes() == second.read_bytes()

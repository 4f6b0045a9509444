"""Complete builds, from the source to the bitstream: the smallest ECP5 design, the iCEBreaker."""

import pytest
from complete_builds import DESIGNS

pytestmark = [
    pytest.mark.tools,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("complete builds"),
]
# As nextpnr packs them, by yosys 0.70.
RECORDED = {
    "ecp5": {"lut4": 12_193, "ff": 12_006, "dsp": 6, "block_ram": 25},
    "gowin": {"lut4": 5_305, "ff": 2_676, "dsp": 6, "block_ram": 22},
    "ice40": {"lut4": 4_746, "ff": 2_555, "dsp": 8, "block_ram": 22},
}
GROWTH = 1.03
STALE = 0.90  # below it, what is recorded no longer guards anything


@pytest.mark.parametrize("name", DESIGNS)
def test_resources_have_not_grown(complete_builds, name):
    _, report = complete_builds[name][0]
    assert report["seeds"][0]["met"]
    used = {kind: resource["used"] for kind, resource in report["resources"].items()}
    for kind, recorded in RECORDED[name].items():
        assert used[kind] <= GROWTH * recorded, f"{kind} has grown from {recorded}: {used}"
        assert used[kind] >= STALE * recorded, f"record less {kind} than {recorded}: {used}"


def test_the_same_source_and_seed_give_the_same_bytes(complete_builds):
    first, second = (
        folder / f"{DESIGNS['ecp5'].board.name}.bit" for folder, _ in complete_builds["ecp5"]
    )
    assert first.stat().st_size > 10_000
    assert first.read_bytes() == second.read_bytes()

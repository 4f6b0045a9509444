"""iCE40 components beside the portable ones under Verilator; tb_tech runs in the simulator."""

from pathlib import Path

import pytest
from weft_hw.tech.ice40 import Ice40
from weft_sim.rtl import run_cocotb

HERE = Path(__file__).parent
BYTE = {"a": (8, True), "b": (8, True)}
CASES = [
    {"kind": "dsp", **BYTE},
    {"kind": "fabric", **BYTE},
    {"kind": "fabric_multiplier", "a": (9, True), "b": (9, True)},
]


@pytest.mark.rtl
@pytest.mark.timeout(300)
def test_like_portable(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HERE)  # the simulator imports tb_tech by name
    from tech_pair import Cases, TechPairs

    cases = Cases(cases=CASES)
    run_cocotb(TechPairs(cases, Ice40()), config=cases, test_module="tb_tech", build_dir=tmp_path,
               models=[HERE / "models" / "ice40.v"])

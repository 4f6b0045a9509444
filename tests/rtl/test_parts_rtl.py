"""Processing element, array and window former under Verilator; the tb_ modules hold the tests."""

import pytest
from parts import Parts
from weft_hw.contract.config import Config
from weft_sim.testing.rtl import build_cocotb, simulate_cocotb

CONFIG = Config(
    name="parts", tap_rows=3, tap_columns=2, columns=4, lanes=1, tile=2, pixels=2, weight_words=32
)


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return build_cocotb(Parts(CONFIG), build_dir=tmp_path_factory.mktemp("parts"))


@pytest.mark.tools
@pytest.mark.parametrize("part", ["pe", "array", "window"])
def test_part(part, runner):
    simulate_cocotb(runner, config=CONFIG, test_module=f"tb_{part}")

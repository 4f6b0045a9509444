"""RTLIL of configurations, by which changes of the gateware are seen."""

from dataclasses import replace

import pytest
from weft_hw.contract.config import CONFIGS
from weft_sim.testing.rtlil import config_rtlil


@pytest.mark.slow
@pytest.mark.parametrize("dram_bytes", [0, 1 << 16], ids=["chip alone", "memory beside the chip"])
def test_every_kind_of_configuration_has_rtlil(dram_bytes):
    text = config_rtlil(replace(CONFIGS["tiny"], dram_bytes=dram_bytes))
    assert r"module \top.engine.sequencer" in text and "attribute \\src" not in text
    assert (r"module \top.engine.mover" in text) == (dram_bytes > 0)

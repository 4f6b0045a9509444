"""The latencies that the cycle model builds on are those of the gateware."""

import pytest
from weft.compiler.timing import mac_cycles
from weft_hw.contract.config import CONFIGS
from weft_hw.engine.compute.array import SystolicArray
from weft_hw.engine.output.output_lanes import OutputLanes
from weft_hw.tech.portable import Portable


def test_output_lanes():
    assert mac_cycles.OUTPUT_LATENCY == OutputLanes.LATENCY


@pytest.mark.parametrize("name", CONFIGS)
def test_array(name):
    config = CONFIGS[name]
    array = SystolicArray(config, Portable())
    array._MustUse__silence = True
    assert mac_cycles.array_latency(config) == array.latency

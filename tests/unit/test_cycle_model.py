"""The latencies that the cycle model builds on are those of the gateware."""

from weft.compiler.timing import mac_cycles
from weft_hw.engine.output.output_lanes import OutputLanes


def test_output_lanes():
    assert mac_cycles.OUTPUT_LATENCY == OutputLanes.LATENCY

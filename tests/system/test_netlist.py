"""The cells that a bitstream is made of, simulated through the pins of the serial port."""

import numpy as np
import pytest
import weft
from graph_builder import Builder
from small_board import BOARD, CONFIG, CONNECTIONS
from weft import reference
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.devices import open_over
from weft.driver.transports.sim import SimTransport
from weft_sim.netlist_board import NetlistBoard

pytestmark = [pytest.mark.rtl, pytest.mark.timeout(1800)]

LAYERS = {
    "convolution": lambda b, x: b.conv(x, 6, padding=(1, 1, 1, 1), stride=(1, 2)),
    "depthwise": lambda b, x: b.depthwise(x, padding=(1, 1, 1, 1)),
    "pooling": lambda b, x: b.pool("MAX_POOL_2D", x, kernel=(3, 2)),
    "fully connected": lambda b, x: b.fully_connected(x, 10),
    "all of them": lambda b, x: b.fully_connected(b.pool("MAX_POOL_2D", b.depthwise(
        b.conv(x, 8))), 5),
}  # fmt: skip


@pytest.fixture(scope="module")
def device(small_builds):
    netlist = small_builds[0][0] / "log" / "netlist.v"
    text = netlist.read_text()
    for cell in ("MULT18X18D", "DP16KD", "EHXPLLL", "TRELLIS_FF", "TRELLIS_DPR16X4", "CCU2C"):
        assert f" {cell} " in text, f"the netlist has no {cell}"
    pins = NetlistBoard(netlist, CONNECTIONS, clock_hz=BOARD.clock_hz, baud=BOARD.baud)
    device = open_over(SimTransport(CONFIG, pins=pins), CONFIG, name="netlist")
    yield device
    print(f"{pins.cycles} cycles in {pins.seconds:.1f} s")
    assert not pins.error
    device.close()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_bit_exact(device, name):
    """Every tensor that the host can read back, and the output."""
    builder = Builder(34)  # at which no activation function clamps nearly everything
    graph = builder.build(LAYERS[name](builder, builder.input(6, 6, 3)))
    feed = random_feed(graph, 7)
    program = compile_graph(graph, CONFIG)
    assert program.descriptors and all(layer.where != "host" for layer in program.layers)
    session = weft.InferenceSession(program, device=device, check=True)
    [output] = session.run(None, feed)
    assert np.array_equal(output, reference.run(graph, feed)[graph.outputs[0]])
    assert len(np.unique(output)) > 4
    assert session.compared_values > 0
    assert not any(row.mismatches for row in session.profile.layers)
    assert session.profile.link.retries == 0

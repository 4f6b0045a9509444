"""The cells that a bitstream is made of, simulated through the pins of the serial port."""

import numpy as np
import pytest
import weft
from complete_builds import DESIGNS
from graph_builder import Builder
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.transports.sim import SimTransport
from weft.golden import run as reference
from weft.runtime.devices import open_over
from weft_hw.boards.top import clock_hz
from weft_sim.testing.netlist_board import NetlistBoard

pytestmark = [
    pytest.mark.tools,
    pytest.mark.timeout(1800),
    pytest.mark.xdist_group("complete builds"),
]

LAYERS = {
    "convolution": lambda b, x: b.conv(x, 6, padding=(1, 1, 1, 1), stride=(1, 2)),
    "depthwise": lambda b, x: b.depthwise(x, padding=(1, 1, 1, 1)),
    "pooling": lambda b, x: b.pool("MAX_POOL_2D", x, kernel=(3, 2)),
    "fully connected": lambda b, x: b.fully_connected(x, 10),
    "all of them": lambda b, x: b.fully_connected(
        b.pool("MAX_POOL_2D", b.depthwise(b.conv(x, 8))), 5
    ),
}


@pytest.fixture(scope="module", params=list(DESIGNS))
def device(request, complete_builds):
    design = DESIGNS[request.param]
    folder, _ = complete_builds[request.param][0]
    netlist = folder / "log" / "netlist.v"
    text = netlist.read_text()
    for cell in design.cells:
        assert f" {cell} " in text, f"the netlist has no {cell}"
    pins = NetlistBoard(
        netlist,
        design.connections,
        family=design.board.family,
        clock_hz=clock_hz(design.board),
        baud=design.board.baud,
        memory=design.config if design.config.dram_bytes else None,
    )
    device = open_over(SimTransport(design.config, pins=pins), design.config, name="netlist")
    yield device
    print(f"{pins.cycles} cycles in {pins.seconds:.1f} s")
    assert not pins.error
    device.close()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_bit_exact(device, name):
    """Every tensor that the host can read back, and the output."""
    check(device, name)


@pytest.mark.parametrize("device", ["ecp5"], indirect=True)
def test_layers_that_stream_are_bit_exact(device):
    """Weights and tensors pass the pads of the SDRAM."""
    check(device, "convolution", streamed=True)


def check(device, name, *, streamed=False):
    builder = Builder(34)  # at which no activation function clamps nearly everything
    graph = builder.build(LAYERS[name](builder, builder.input(6, 6, 3)))
    feed = random_feed(graph, 7)
    program = compile_graph(graph, device.config, shadows=streamed, streamed=streamed)
    assert program.streamed == streamed
    assert program.descriptors and all(layer.where != "host" for layer in program.layers)
    session = weft.InferenceSession(program, device=device, check=True)
    [output] = session.run(None, feed)
    assert np.array_equal(output, reference.run(graph, feed)[graph.outputs[0]])
    assert len(np.unique(output)) > 4
    assert session.compared_values > 0
    assert not any(row.mismatches for row in session.profile.layers)
    assert session.profile.link.retries == 0

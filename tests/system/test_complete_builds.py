"""Complete builds of a design of each family: from the source to the bitstream, and its cells.

The cells are simulated through the pins of the serial port.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import weft
from complete_builds import DESIGNS, build
from graph_builder import Builder
from weft.cli.feeds import random_feed
from weft.compiler import compile_graph
from weft.driver.transports.sim import SimTransport
from weft.golden import run as reference
from weft.runtime.devices import open_over
from weft_hw.boards.top import clock_hz
from weft_sim.testing.netlist_board import NetlistBoard

pytestmark = [pytest.mark.tools, pytest.mark.timeout(1800)]

# As nextpnr packs them, by yosys 0.70.
RECORDED = {
    "ecp5": {"lut4": 12_861, "ff": 12_434, "dsp": 6, "block_ram": 25},
    "gowin": {"lut4": 5_305, "ff": 2_676, "dsp": 6, "block_ram": 22},
    "ice40": {"lut4": 4_746, "ff": 2_555, "dsp": 8, "block_ram": 22},
}
GROWTH = 1.03
STALE = 0.90  # below it, what is recorded no longer guards anything

LAYERS = {
    "convolution": lambda b, x: b.conv(x, 6, padding=(1, 1, 1, 1), stride=(1, 2)),
    "depthwise": lambda b, x: b.depthwise(x, padding=(1, 1, 1, 1)),
    "pooling": lambda b, x: b.pool("MAX_POOL_2D", x, kernel=(3, 2)),
    "fully connected": lambda b, x: b.fully_connected(x, 10),
    "all of them": lambda b, x: b.fully_connected(
        b.pool("MAX_POOL_2D", b.depthwise(b.conv(x, 8))), 5
    ),
}


@pytest.fixture(scope="module")
def complete_builds(tmp_path_factory):
    """Return the builds of each design, by its name, each build as a folder and the report.

    All are made side by side. ECP5's is built twice, by processes whose sets and dictionaries have
    another order.
    """
    calls = [("ice40", 1), ("gowin", 1), ("ecp5", 1), ("ecp5", 2)]  # the longest first
    wanted = [call for call in calls if call[0] in DESIGNS]
    folders = [tmp_path_factory.mktemp(name) for name, _ in wanted]
    with ThreadPoolExecutor(max_workers=2) as pool:
        reports = pool.map(lambda call, folder: build(call[0], folder, call[1]), wanted, folders)
        builds = {name: [] for name, _ in wanted}
        for (name, _), folder, report in zip(wanted, folders, reports, strict=True):
            builds[name].append((folder, report))
    return builds


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

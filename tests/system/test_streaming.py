"""Networks larger than the chip on the simulated gateware: layers and moves, every tensor equal."""

from dataclasses import replace

import graph_builder as graphs
import numpy as np
import pytest
import weft
from networks.configurations import FEW
from test_compiler_random import random_branches
from weft.errors import CapacityError
from weft.golden import run as reference

pytestmark = [pytest.mark.tools, pytest.mark.timeout(900)]

# Memories so small that the networks below stream and spill.
CONFIG = replace(FEW, activation_words=256)


@pytest.mark.parametrize("seed", [0, 1])
def test_streamed_network(seed):
    builder, outputs = random_branches(graphs, seed)
    graph, feeds = builder.build(*outputs), builder.feeds()
    with weft.InferenceSession(graph, device="sim", config=CONFIG, check=True) as session:
        assert session.program is not None and session.program.streamed
        first = session.run(None, feeds)
        second = session.run(None, feeds)  # the ring of descriptors begins anew
        profile = session.profile
    assert session.compared_values > 1000
    assert profile.bit_exact and not any(layer.mismatches for layer in profile.layers)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    # Each layer's counters are found again, whatever slot of the ring it had.
    counted = [layer.cycles for layer in profile.layers if layer.where == "accelerator"]
    assert all(counted)
    assert profile.cycles is not None
    assert sum(cycles for cycles in counted if cycles) <= profile.cycles
    # The cycle model knows moves and what waits for them; these pieces are small.
    assert abs(profile.predicted_cycles - profile.cycles) <= 0.03 * profile.cycles


def test_weights_over_the_link(monkeypatch):
    """A board without memory beside the chip, whose moves the host carries out."""
    monkeypatch.setattr("weft.compiler.streaming.planner.LOOKS", 30)
    b = graphs.Builder(3)
    x = b.input(9, 8, 12)
    y = b.depthwise(b.conv(x, 12, padding=(1, 1, 1, 1)), padding=(1, 1, 1, 1))
    graph, feeds = b.build(b.conv(b.binary("ADD", x, y), 40)), b.feeds()
    with pytest.raises(CapacityError):
        weft.InferenceSession(graph, device="sim", config="tiny")
    with weft.InferenceSession(
        graph, device="sim", config="tiny", weights="link", check=True
    ) as session:
        assert session.program is not None and session.program.streamed
        session.run(None, feeds)
        [output] = session.run(None, feeds)
        profile = session.profile
    np.testing.assert_array_equal(output, reference.run(graph, feeds)[graph.outputs[0]])
    assert profile.bit_exact and session.compared_values > 1000
    assert profile.cycles is not None
    assert abs(profile.predicted_cycles - profile.cycles) <= 0.01 * profile.cycles
    # Weights pass for every image: 4 bytes a word on the chip, and more on the wire.
    assert profile.link.bytes_to_board > sum(
        t.data.nbytes for t in graph.tensors.values() if t.data is not None
    )

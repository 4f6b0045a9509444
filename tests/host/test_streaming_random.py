"""Networks that stream from DRAM on the architectural simulator, against the golden model."""

from dataclasses import replace

import pytest
from test_compiler_random import random_branches, random_layer
from weft.compiler import compile_graph
from weft.errors import CapacityError
from weft_hw.contract.config import CONFIGS

# Small memories; line buffers and window programs cannot stream.
FEW = replace(
    CONFIGS["tiny"], name="few", weight_words=512, parameter_words=24, line_words=512,
    window_count=512, descriptor_count=32, dram_bytes=1 << 20)  # fmt: skip
MORE = replace(
    CONFIGS["ulx3s-85f"], name="more", weight_words=256, parameter_words=24, dram_bytes=1 << 20)


def smallest(graph, config):
    """Return ``config`` with the smallest activation memory for which ``graph`` compiles."""
    for words in (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048):
        small = replace(config, activation_words=words)
        try:
            compile_graph(graph, small)
        except CapacityError:
            continue
        return small
    raise AssertionError("no memory is large enough")


@pytest.mark.parametrize("config", [FEW, MORE], ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(25))
def test_random_layer(graphs, config, seed):
    b, out = random_layer(graphs, seed)
    graph = b.build(out)
    graphs.check(graph, smallest(graph, config), b.feeds(), shadows=True)


@pytest.mark.parametrize("config", [FEW, MORE], ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(8))
def test_random_network(graphs, config, seed):
    b, outputs = random_branches(graphs, seed)
    graph = b.build(*outputs)
    program = graphs.check(graph, smallest(graph, config), b.feeds(), shadows=True)
    assert program.streamed

"""A network that exceeds a chip streams from the memory beside it, where there is one."""

from dataclasses import replace

import numpy as np
import pytest
import weft
from graph_builder import Builder
from weft.compiler import compile_graph
from weft.errors import CapacityError
from weft_hw.contract.config import CONFIGS


def network(size: int):
    b = Builder(5)
    return b.build(b.conv(b.input(size, size, 8), 8))


def test_what_fits_stays_on_the_chip():
    """No cycle of it is spent on the memory beside it."""
    config = CONFIGS["ulx3s-12f"]
    program = compile_graph(network(8), config)
    alone = compile_graph(network(8), replace(config, dram_bytes=0))
    assert not program.streamed
    assert program.images == alone.images and program.descriptors == alone.descriptors


@pytest.mark.parametrize("name", ["ulx3s-12f", "icepi-zero"])
def test_what_does_not_fit_streams(name):
    program = weft.compile(network(64), config=name)  # 32,768 bytes, where 16,384 are on the chip
    assert program.streamed and program.config == CONFIGS[name]


@pytest.mark.parametrize("config", [CONFIGS["tiny"], replace(CONFIGS["ulx3s-12f"], dram_bytes=0)])
def test_without_such_memory_it_is_refused(config):
    with pytest.raises(CapacityError, match=r"\d bytes"):
        compile_graph(network(64), config)


def test_golden_needs_no_chip():
    graph = network(64)
    with weft.InferenceSession(graph, config="tiny") as session:
        [info] = session.get_inputs()
        feed = np.zeros((1, 64, 64, 8), np.int8)
        assert session.run(None, {info.name: feed})[0].shape == (1, 62, 62, 8)


@pytest.mark.parametrize(("weight_words", "where"), [(512, "host"), (1024, "accelerator")])
def test_a_pool_leaves_its_weights_to_layers_that_need_theirs(weight_words, where):
    b = Builder(5)
    x = b.input(25, 5, 64)
    for _ in range(3):  # 64 words of weights each
        x = b.conv(x, 64, kernel=(1, 1))
    graph = b.build(b.pool("AVERAGE_POOL_2D", x, kernel=(25, 5), stride=(25, 5)))  # 336 words
    config = replace(CONFIGS["tang-nano-20k"], name="small", weight_words=weight_words)
    program = compile_graph(graph, config)
    [pool] = [layer for layer in program.layers if layer.operator == "AVERAGE_POOL_2D"]
    assert pool.where == where
    assert ("weight memory" in pool.reason) == (where == "host")
    assert sum(layer.where == "accelerator" for layer in program.layers) >= 3

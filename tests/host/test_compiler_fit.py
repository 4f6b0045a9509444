"""A network that exceeds a chip gets the configuration with SDRAM, where its name has one."""

from dataclasses import replace

import numpy as np
import pytest
import weft
from graph_builder import Builder
from weft.compiler.fit import compile_to_fit
from weft.errors import CapacityError
from weft_hw.contract.config import CONFIGS


def network(size: int):
    b = Builder(5)
    return b.build(b.conv(b.input(size, size, 8), 8))


def test_what_fits_stays_on_the_chip():
    for choice in ("ulx3s-12f", CONFIGS["ulx3s-12f"]):
        assert compile_to_fit(network(8), choice).config.name == "ulx3s-12f"
    assert compile_to_fit(network(8)).config.name == "ulx3s-85f"


def test_what_does_not_fit_streams():
    graph = network(64)  # 32,768 bytes, where 16,384 are on the chip
    program = compile_to_fit(graph, "ulx3s-12f")
    assert program.streamed
    assert program.config == CONFIGS["ulx3s-12f-sdram"]
    assert weft.compile(graph, "icepi-zero").config.name == "icepi-zero-sdram"


@pytest.mark.parametrize("choice", ["tiny", CONFIGS["ulx3s-12f"]], ids=["name", "config"])
def test_what_is_said_exactly_is_done(choice):
    with pytest.raises(CapacityError, match=r"\d bytes"):
        compile_to_fit(network(64), choice)


def test_golden_needs_no_chip():
    graph = network(64)
    with weft.InferenceSession(graph, config="ulx3s-12f") as session:
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
    program = compile_to_fit(graph, config)
    [pool] = [layer for layer in program.layers if layer.operator == "AVERAGE_POOL_2D"]
    assert pool.where == where
    assert ("weight memory" in pool.reason) == (where == "host")
    assert sum(layer.where == "accelerator" for layer in program.layers) >= 3

"""Steps of the array that add nothing are left out: wide weights, pruned weights, slices."""

from dataclasses import replace

import numpy as np
import pytest
from networks.configurations import FEW
from weft.graph import Quantization, Tensor
from weft.program.follow import follow
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.memory_map import Region
from weft_hw.contract.move import Move

CONFIGS_TRIED = [CONFIGS["ulx3s-85f"], CONFIGS["ulx3s-85f-wide"], CONFIGS["tiny"]]
KINDS = ["pointwise", "dilated", "strided", "depthwise", "matrix"]
ZERO = 100  # of the weights; a weight less than that has 9 bits where it is below -28


def layer(graphs, kind):
    """Return a builder with one layer whose weights lie from -20 to 27."""
    b = graphs.Builder(3, "onnxruntime")
    x = b.input(4, 3, 20) if kind == "matrix" else b.input(7, 6, 20)
    match kind:
        case "pointwise":
            out = b.conv(x, 24, kernel=(1, 1))
        case "dilated":
            out = b.conv(x, 24, kernel=(2, 3), dilation=(1, 2), padding=(1, 0, 2, 2))
        case "strided":
            out = b.conv(x, 24, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1))
        case "depthwise":
            out = b.depthwise(x, padding=(1, 1, 1, 1))
        case _:
            out = b.fully_connected(b.reshape(x, 4 * 3 * 20), 24)
    with_zero_point(b, ZERO, lambda w: w // 6 + 5)
    return b, out


def with_zero_point(b, zero_point, change):
    name = next(n for n in b.nodes if len(n.inputs) == 3).inputs[1]
    old = b.tensors[name]
    assert old.quantization is not None and old.data is not None
    zeros = np.full(old.quantization.scale.shape, zero_point)
    scaled = Quantization(old.quantization.scale, zeros, old.quantization.axis)
    b.tensors[name] = Tensor(
        name, old.shape, old.dtype, scaled, change(old.data.astype(int)).astype(np.int8)
    )
    return name


def weight_words(program):
    return program.usage[Region.WEIGHT.name][0]


@pytest.mark.parametrize("config", CONFIGS_TRIED, ids=lambda c: c.name)
@pytest.mark.parametrize("kind", KINDS)
def test_one_wide_weight_costs_few_steps(graphs, config, kind):
    """Of 9 bits, it passes twice; the other weights once."""
    b, out = layer(graphs, kind)
    narrow = weight_words(graphs.check(b.build(out), config, b.feeds()))
    name = with_zero_point(b, ZERO, lambda w: w)
    data = b.tensors[name].data
    data.reshape(-1)[data.size // 2 + 1] = -101
    wide = weight_words(graphs.check(b.build(out), config, b.feeds()))
    # One entry more: a step for each channel of a word at most, in each group of channels.
    groups = -(-24 // config.columns)
    entry = groups * config.columns * config.columns * config.rows
    assert narrow < wide <= narrow + entry
    data[:] = np.where(np.arange(data.size).reshape(data.shape) % 2, -101, data)
    every = weight_words(graphs.check(b.build(out), config, b.feeds()))
    assert every > wide or wide == 2 * narrow


@pytest.mark.parametrize("config", CONFIGS_TRIED, ids=lambda c: c.name)
def test_pruned_channels_cost_nothing(graphs, config):
    b, out = layer(graphs, "pointwise")
    name = with_zero_point(b, 0, lambda w: w)
    full = weight_words(graphs.check(b.build(out), config, b.feeds()))
    b.tensors[name].data[..., 16:] = 0
    assert weight_words(graphs.check(b.build(out), config, b.feeds())) < full
    b.tensors[name].data[:] = 0
    graphs.check(b.build(out), config, b.feeds())


def test_a_maximum_keeps_its_steps(graphs):
    """Its weights are ones; of a pool over channels that come to nothing, none is zero."""
    b = graphs.Builder(4)
    x = b.conv(b.input(6, 6, 5), 5)
    graphs.check(b.build(b.pool("MAX_POOL_2D", x)), CONFIGS["tiny"], b.feeds())


def test_slices_have_the_steps_that_their_channels_need(graphs):
    """Wide weights of one group of channels take steps in its slice alone."""
    config = replace(FEW, activation_words=192, weight_words=24)
    b, out = layer(graphs, "pointwise")
    narrow = loaded_weights(graphs.check(b.build(out), config, b.feeds(), shadows=True))
    name = with_zero_point(b, ZERO, lambda w: w)
    b.tensors[name].data[-1] = -101
    wide = loaded_weights(graphs.check(b.build(out), config, b.feeds(), shadows=True))
    assert narrow < wide <= 1.5 * narrow  # twice, if all slices had them


def loaded_weights(program):
    """Return the weights that moves of a program load."""
    assert program.streamed
    moves = (move for move in follow(program) if isinstance(move, Move))
    return sum(move.count * move.rows for move in moves if move.region is Region.WEIGHT)

"""Sums that the layer before computes, on the functional simulator against the golden model."""

from dataclasses import replace

import pytest
from networks.configurations import ODD
from weft_hw.contract.config import CONFIGS
from weft_hw.contract.descriptor import Wait
from weft_hw.contract.layers import Elementwise, Mac, decode_layer
from weft_hw.contract.memory_map import Region

PLAIN, WIDE = CONFIGS["ulx3s-85f"], CONFIGS["ulx3s-85f-wide"]
TINY = replace(CONFIGS["tiny"], name="roomy", activation_words=4096, parameter_words=256)
EACH = pytest.mark.parametrize("config", [PLAIN, WIDE, ODD, TINY], ids=lambda config: config.name)


def layers(program):
    """Return the layers of a program, and how many of them add, and are sums of their own."""
    [data] = [image.data for image in program.images if image.region is Region.DESCRIPTOR]
    found = [decode_layer(data[k : k + 64]) for k in range(0, len(data), 64)]
    found = found[: len(program.descriptors)]
    adds = [layer for layer in found if isinstance(layer, Mac) and layer.adds]
    alone = [layer for layer in found if isinstance(layer, Elementwise) and not layer.unary]
    return adds, alone


def block(b, x, out, stride):
    """Return a block as ResNet has it, and the tensor that is stored nowhere."""
    y = b.conv(x, out, stride=(stride, stride), padding=(1, 1, 1, 1))
    y = b.conv(y, out, padding=(1, 1, 1, 1))
    if b.tensors[x].shape != b.tensors[y].shape:
        x = b.conv(x, out, kernel=(1, 1), stride=(stride, stride))
    return b.binary("ADD", x, y) if b.rng.random() < 0.5 else b.binary("ADD", y, x)


@EACH
@pytest.mark.parametrize("rounding", ["reference", "xnnpack", "onnxruntime"])
@pytest.mark.parametrize("seed", range(2))
def test_residual_blocks(graphs, config, rounding, seed):
    """Blocks with and without a convolution on the short way; each sum is in its long way."""
    b = graphs.Builder(seed, rounding)
    x = b.conv(b.input(9, 7, 3), 12)
    for out, stride in ((12, 1), (20, 2), (20, 1)):
        x = block(b, x, out, stride)
    program = graphs.check(b.build(b.conv(x, 5)), config, b.feeds())
    adds, alone = layers(program)
    assert (len(adds), len(alone)) == (3, 0)
    assert len(program.places) == len(program.graph.nodes) + 1 - 3
    where = [layer.where for layer in program.layers]
    assert set(where) == {"accelerator"}


@EACH
def test_any_layer_of_windows_adds(graphs, config):
    """Depthwise layers, and those that write their map in another order."""
    b = graphs.Builder(7)
    x = b.input(8, 8, 16)
    y = b.binary("ADD", b.depthwise(x, padding=(1, 1, 1, 1)), x)
    z = b.binary("ADD", y, b.conv(y, 16, kernel=(1, 1)))
    out = b.binary("SUB", z, b.pool("MAX_POOL_2D", z, stride=(1, 1), padding=(0, 1, 0, 1)))
    program = graphs.check(b.build(out), config, b.feeds())
    assert len(layers(program)[0]) == 3


@pytest.mark.parametrize("why", ["read twice", "an output", "added to itself", "reshaped"])
def test_what_others_read_is_stored(graphs, why):
    b = graphs.Builder(11)
    x = b.input(6, 6, 8)
    y = b.conv(x, 8, padding=(1, 1, 1, 1))
    outputs = [b.binary("ADD", y, y if why == "added to itself" else x)]
    if why == "read twice":
        outputs.append(b.conv(y, 3))
    elif why == "an output":
        outputs.append(y)
    elif why == "reshaped":
        outputs.append(b.fully_connected(b.reshape(y, 288), 4))
    program = graphs.check(b.build(*outputs), PLAIN, b.feeds())
    assert not layers(program)[0]


def test_the_operand_may_come_last(graphs):
    """What is added is computed after the layer that adds it, in the order of the graph."""
    b = graphs.Builder(12)
    x = b.input(6, 6, 8)
    y = b.conv(x, 8, padding=(1, 1, 1, 1))
    short = b.conv(b.conv(x, 9, kernel=(1, 1)), 8, kernel=(1, 1))
    program = graphs.check(b.build(b.binary("ADD", y, short)), PLAIN, b.feeds())
    [adds], _ = layers(program)
    # It waits for nothing: what the host sent is there, and the operand is read later.
    assert adds.wait is Wait.NOTHING
    assert program.descriptors[-1].operator == "CONV_2D"

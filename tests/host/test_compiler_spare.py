"""PAD behind the last channel: zero points that the producer writes, as residual networks need."""

from dataclasses import replace

import pytest
from networks.configurations import FEW
from weft_hw.contract.config import CONFIGS

PLAIN, WIDE, SMALL = CONFIGS["ulx3s-85f"], CONFIGS["ulx3s-85f-wide"], CONFIGS["ulx3s-12f"]
STREAMED = replace(PLAIN, name="streamed", activation_words=256)


def padded(b, x, channels, **attributes):
    """Return ``x`` with zero points behind its last channel."""
    shape = b.tensors[x].shape
    more = channels - shape[-1]
    paddings = ((0, 0), (0, 0), (0, 0), (0, more))
    shape = (*shape[:-1], channels)
    return b.node("PAD", (x,), shape, b.tensors[x].quantization, paddings=paddings, **attributes)


def residual(b, x, channels, *, pool=False):
    """Return a block as BlazeFace has it: more channels, and perhaps half the size."""
    stride, padding = ((2, 2), (0, 1, 0, 1)) if pool else ((1, 1), (1, 1, 1, 1))
    y = b.conv(b.depthwise(x, stride=stride, padding=padding), channels, kernel=(1, 1))
    x = b.pool("MAX_POOL_2D", x) if pool else x
    if b.tensors[x].shape[-1] < channels:
        x = padded(b, x, channels)
    return b.binary("ADD", x, y)


def free_pads(program):
    return [layer.where for layer in program.layers if layer.operator == "PAD"].count("free")


@pytest.mark.parametrize("config", [PLAIN, WIDE, STREAMED, SMALL, FEW], ids=lambda c: c.name)
@pytest.mark.parametrize("seed", range(4))
def test_residual_blocks(graphs, config, seed):
    """Of four PADs the third one needs a word more, where a word holds 16 channels."""
    b = graphs.Builder(seed)
    x = b.conv(b.input(12, 10, 3), 20)
    for channels, pool in ((23, False), (24, True), (36, False), (42, False)):
        x = residual(b, x, channels, pool=pool)
    program = graphs.check(b.build(x, b.conv(x, 5)), config, b.feeds(), shadows=True)
    if config.columns == 16:
        assert free_pads(program) == 3


def test_what_the_host_sends_is_copied(graphs):
    b = graphs.Builder(10)
    program = graphs.check(b.build(padded(b, b.input(4, 4, 20), 30)), PLAIN, b.feeds())
    assert free_pads(program) == 0


def test_another_value_is_copied(graphs):
    b = graphs.Builder(11)
    x = b.conv(b.input(4, 4, 3), 20)
    zero_point = int(b.tensors[x].quantization.zero_point[0])
    out = padded(b, x, 30, value=zero_point ^ 1)
    assert free_pads(graphs.check(b.build(out), PLAIN, b.feeds())) == 0

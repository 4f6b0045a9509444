"""Windows whose rows exceed the line buffers: in columns, in other rows, in two passes."""

from dataclasses import replace

import numpy as np
import pytest
from networks.configurations import FEW, ODD
from test_compiler_random import pick, random_window
from weft.compiler import compile_graph
from weft_hw.contract.config import CONFIGS

pytestmark = pytest.mark.slow

CHIP = replace(CONFIGS["ulx3s-85f"], name="narrow", line_words=32)
CONFIGURATIONS = [
    replace(FEW, name="few-narrow", line_words=128, dram_bytes=0),
    replace(ODD, name="odd-narrow", line_words=64),
    replace(CHIP, fill_words=2),
    replace(FEW, name="few-streams", line_words=128, activation_words=768),
    replace(CHIP, name="streams", activation_words=1024, weight_words=512, dram_bytes=1 << 20),
]
ROOMY = {"activation_words": 1 << 14, "weight_words": 1 << 15, "parameter_words": 512}


def narrow(config):
    """Return ``config`` with room for everything but rows, unless it streams."""
    return config if config.dram_bytes else replace(config, window_count=2048, **ROOMY)


def layer(graphs, seed, config):
    """A window over a map whose rows fill the line buffers about twice."""
    b = graphs.Builder(4000 + seed)
    rng = b.rng
    channels = pick(rng, 1, 3, config.columns, config.columns + 3)
    words = -(-channels // config.columns)
    width = int(rng.integers(1, 3)) * config.line_words // words + pick(rng, 1, 2, 5)
    height = pick(rng, 2, 5, 7)
    x, window = b.input(height, width, channels), random_window(rng, height, width, largest=3)
    window["dilation"] = (1, window["dilation"][1])
    kind = pick(rng, "conv", "depthwise", "depthwise", "MAX_POOL_2D")
    if kind == "conv":
        out = b.conv(x, pick(rng, 3, config.columns + 1), **window)
    elif kind == "depthwise":
        out = b.depthwise(x, **window)
    else:
        out = b.pool(kind, x, kernel=(3, 3), stride=window["stride"], padding=(1, 1, 1, 1))
    return b, out


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)
@pytest.mark.parametrize("seed", range(12))
def test_columns_one_after_the_other(graphs, config, seed):
    b, out = layer(graphs, seed, config)
    program = graphs.check(b.build(out), narrow(config), b.feeds())
    assert [layer.where for layer in program.layers] == ["accelerator"]


@pytest.mark.parametrize("config", CONFIGURATIONS[3:], ids=lambda config: config.name)
@pytest.mark.parametrize("seed", range(4))
def test_parts_of_a_group_share_their_map(graphs, config, seed):
    """An inverted bottleneck, whose wide tensor goes in columns and stays on the chip."""
    b = graphs.Builder(4100 + seed)
    columns, lines = config.columns, config.line_words
    x = b.input(9, lines // 2, columns)
    wide = b.conv(x, 3 * columns, kernel=(1, 1))
    deep = b.depthwise(
        wide, kernel=(3, 3), padding=(1, 1, 1, 1), stride=pick(b.rng, (1, 1), (2, 2))
    )
    graph = b.build(b.conv(deep, columns, kernel=(1, 1)))
    program = graphs.check(graph, replace(config, weight_words=2048), b.feeds(), shadows=True)
    assert [layer.where for layer in program.layers] == ["accelerator"] * 3


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=lambda config: config.name)
@pytest.mark.parametrize(
    "size",
    [(7, 7), (1, 9), (9, 9), (11, 6)],
    ids=lambda size: "x".join(map(str, size)),
)
@pytest.mark.parametrize("operator", ["MEAN", "AVERAGE_POOL_2D", "REDUCE_MAX"])
def test_one_window_over_a_map_that_the_lines_cannot_hold(graphs, config, size, operator):
    b = graphs.Builder(4200 + size[0])
    room = config.line_words * config.line_banks
    channels = (room // (size[0] * size[1]) + 3) * config.columns - 1
    x = b.input(*size, channels)
    if operator == "AVERAGE_POOL_2D":
        out = b.pool(operator, x, kernel=size)
    else:
        result = b.tensors[x].quantization
        out = b.node(operator, (x,), (1, channels), result, axes=(1, 2), keep_dims=False)
    program = graphs.check(b.build(out), narrow(config), b.feeds())
    assert [layer.where for layer in program.layers] == ["accelerator"]


def test_pixels_in_other_rows(graphs):
    """12 rows of 40 words take as much as rows of 64 words; 30 rows of 16 words fit."""
    config = narrow(replace(CHIP, line_words=128))
    b = graphs.Builder(4300)
    x = b.input(12, 40, 16)
    out = b.node("MEAN", (x,), (1, 16), b.tensors[x].quantization, axes=(1, 2), keep_dims=False)
    program = graphs.check(b.build(out), config, b.feeds())
    assert [layer.where for layer in program.layers] == ["accelerator"]
    assert len(program.descriptors) == 1


@pytest.mark.parametrize("seed", range(3))
def test_a_large_maximum_goes_over_columns_then_over_rows(graphs, seed):
    b = graphs.Builder(4400 + seed)
    config = narrow(replace(CHIP, line_words=128))
    kernel = pick(b.rng, (9, 9), (11, 5), (13, 13))
    padding = tuple(k // 2 for k in np.repeat(kernel, 2).tolist())
    x = b.input(15, 15, 80)
    out = b.pool("MAX_POOL_2D", x, kernel=kernel, stride=(1, 1), padding=padding)
    program = graphs.check(b.build(out), config, b.feeds())
    assert [layer.where for layer in program.layers] == ["accelerator"]
    assert len(program.descriptors) >= 2


def test_a_compact_array_reads_whole_rows(graphs):
    """It has no such field: a map wider than its lines stays on the host."""
    b = graphs.Builder(4500)
    x = b.conv(b.input(4, 8, 2), 2, kernel=(1, 1))
    out = b.depthwise(x, kernel=(3, 3), padding=(1, 1, 1, 1))
    config = replace(CONFIGS["icebreaker"], line_words=16)
    program = compile_graph(b.build(out), config)
    assert [layer.where for layer in program.layers] == ["accelerator", "host"]

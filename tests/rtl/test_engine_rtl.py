"""The whole engine under Verilator against the functional simulator, on random programs."""

from dataclasses import replace

import numpy as np
import pytest
from pooling import average_pool, max_pool
from random_chains import random_chain
from random_layers import random_layer
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.descriptor import Kind, Wait, decode_descriptor, decode_window

SEED = 20261127
TINY = get_config("tiny")
# Two output rows at a time, more line buffers than tap rows, one result a cycle.
PAIR = Config(
    name="pair",
    pixels=2,
    tap_rows=3,
    tap_columns=2,
    columns=4,
    lanes=1,
    tile=4,
    weight_words=512,
    activation_words=512,
    line_words=64,
    parameter_words=128,
    descriptor_count=16,
    window_count=128,
)
# Two words of input at a time, and weights for each pixel.
FILL_PAIRS = replace(
    PAIR, name="fill-pairs", pixels=4, tap_rows=2, fill_words=2, lanes=2, own_weights=True
)
# Two rows of the array in one multiplication, and one row that is left over.
ROW_PAIRS = replace(
    FILL_PAIRS, name="row-pairs", pixels=2, tap_rows=3, tap_columns=3, tile=2, paired=True
)
CONFIGS = pytest.mark.parametrize(
    "config", [TINY, PAIR, FILL_PAIRS, ROW_PAIRS], ids=lambda config: config.name
)


def descriptors(cases):
    return [decode_descriptor(data) for case in cases for data in case.descriptors]


def check_variety(cases, layers):
    """The draw must not have become harmless."""
    for name, values in [
        ("stride_x", {1, 2, 3}),
        ("stride_y", {1, 2, 3}),
        ("dilation_y", {1, 2, 3}),
        ("depthwise", {0, 1}),
        ("maximum", {0, 1}),
        ("packing", {0, 1, 2}),
        ("keep", {0, 1}),
        ("rounding", {0, 1, 2}),
        ("out_height", {1}),
        ("in_height", {1}),
    ]:
        assert values <= {layer[name] for layer in layers}, name
    assert any(layer["in_height"] * layer["in_width"] == 1 for layer in layers)
    assert max(layer["span"] for layer in layers) >= 7
    entries = [decode_window(e) for case in cases for e in case.entries]
    assert {0, 1} <= {entry["channels"] for entry in entries}


@pytest.mark.tools
@CONFIGS
def test_random_layers(config, run_engine):
    rng = np.random.default_rng(SEED)
    cases = [random_layer(config, rng) for _ in range(48 if config is TINY else 24)]
    layers = descriptors(cases)
    if config is TINY:
        check_variety(cases, layers)
    if config.own_weights:
        assert {1, 2, 3} <= {
            -(-x["out_height"] // config.pixels) for x in layers if x["own_weights"]
        }
    run_engine(config, cases)


@pytest.mark.tools
@CONFIGS
@pytest.mark.parametrize("macs_only", [True, False], ids=["macs", "mixed"])
def test_random_chains(config, macs_only, run_engine):
    rng = np.random.default_rng(SEED)
    cases = [random_chain(config, rng, macs_only) for _ in range(24 if config is TINY else 12)]
    layers = descriptors(cases)
    assert {layer["wait"] for layer in layers if layer["kind"] == Kind.MAC} == set(Wait)
    if not macs_only:
        assert {layer["kind"] for layer in layers} == set(Kind) - {Kind.MOVE}
        assert {layer["use_table"] for layer in layers} == {0, 1}
        for name in ("unary", "wide", "multiply", "adds"):
            assert any(layer[name] for layer in layers), name
        assert {layer["adds_first"] for layer in layers if layer["adds"]} == {0, 1}
    run_engine(config, cases)


@pytest.mark.tools
@pytest.mark.parametrize("make", [max_pool, average_pool])
def test_pooling(make, run_engine):
    """Expected values are NumPy's own maxima and means."""
    rng = np.random.default_rng(SEED)
    run_engine(TINY, [make(TINY, rng) for _ in range(12)])

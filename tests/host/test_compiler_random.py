"""Compiled random networks on the functional simulator, against the golden model."""

import numpy as np
import pytest
from networks.configurations import ODD
from weft.errors import CapacityError
from weft_hw.contract.config import CONFIGS, Config

CONFIGURATIONS = [
    Config(
        **{
            **vars(CONFIGS["tiny"]),
            "activation_words": 1 << 15,
            "line_words": 512,
            "parameter_words": 512,
            "window_count": 1 << 12,
            "weight_words": 1 << 15,
            "descriptor_count": 64,
        }
    ),
    CONFIGS["ulx3s-85f"],
    CONFIGS["ulx3s-85f-wide"],
    ODD,
]
NAMES = [config.name for config in CONFIGURATIONS]


def pick(rng, *choices):
    return choices[int(rng.integers(len(choices)))]


def random_window(rng, height, width, *, largest=7, dilate=True):
    """A kernel, stride, dilation and padding that fit a map; often larger than the map itself."""
    kernel = tuple(int(k) for k in rng.integers(1, largest + 1, 2))
    dilation = tuple(int(d) for d in rng.integers(1, 4, 2)) if dilate else (1, 1)
    stride = tuple(int(s) for s in rng.integers(1, 4, 2))
    padding = []
    for size, k, d in zip((height, width), kernel, dilation, strict=True):
        extent = (k - 1) * d + 1
        least = max(0, extent - size)
        before = int(rng.integers(0, k)) if k > 1 else 0
        after = max(int(rng.integers(0, k)) if k > 1 else 0, least - before)
        padding += [before, after]
    return {"kernel": kernel, "stride": stride, "padding": tuple(padding)} | (
        {"dilation": dilation} if dilate else {}
    )


def random_layer(graphs, seed):
    """One layer with a window of random geometry, behind and before nothing at all."""
    b = graphs.Builder(1000 + seed)
    rng = b.rng
    height, width, channels = (
        pick(rng, 1, 2, 5, 9, 14),
        pick(rng, 1, 3, 8, 13),
        int(rng.integers(1, 41)),
    )
    x = b.input(height, width, channels)
    kind = pick(rng, "conv", "conv", "depthwise", "AVERAGE_POOL_2D", "MAX_POOL_2D")
    if kind == "conv":
        out = b.conv(x, int(rng.integers(1, 41)), **random_window(rng, height, width))
    elif kind == "depthwise":
        out = b.depthwise(x, pick(rng, 1, 1, 2, 3), **random_window(rng, height, width))
    else:
        window = random_window(rng, height, width, largest=4, dilate=False)
        window["padding"] = tuple(
            min(p, k - 1)
            for p, k in zip(window["padding"], np.repeat(window["kernel"], 2).tolist(), strict=True)
        )
        kernel = tuple(min(k, s) for k, s in zip(window["kernel"], (height, width), strict=True))
        padding = tuple(
            min(p, k - 1)
            for p, k in zip(window["padding"], np.repeat(kernel, 2).tolist(), strict=True)
        )
        out = b.pool(kind, x, kernel=kernel, stride=window["stride"], padding=padding)
    print(f"seed {seed}: {kind} {b.nodes[-1].attributes} on {height}x{width}x{channels}")
    return b, out


def random_branches(graphs, seed):
    """Branches that meet in ADD and CONCATENATION, pools, a table, and a classifier."""
    b = graphs.Builder(2000 + seed)
    rng = b.rng
    size, channels = pick(rng, 6, 8, 11), pick(rng, 1, 3, 5, 16, 19)
    x = b.conv(b.input(size, size, channels), pick(rng, 4, 8, 12, 24), padding=(1, 1, 1, 1))
    width = b.tensors[x].shape[3]
    same = {"kernel": (3, 3), "padding": (1, 1, 1, 1)}
    y = b.conv(b.depthwise(x, **same), width, kernel=(1, 1))
    x = b.binary(pick(rng, "ADD", "ADD", "MUL"), x, y)
    left = b.conv(x, pick(rng, 3, 8, 16), **same)
    right = b.conv(x, pick(rng, 5, 8, 17), kernel=(1, 1))
    third = b.pool("MAX_POOL_2D", left, kernel=(3, 3), stride=(1, 1), padding=(1, 1, 1, 1))
    b.share_quantization(left, right, third)
    x = b.concatenation(left, right, third)
    x = b.pool(pick(rng, "MAX_POOL_2D", "AVERAGE_POOL_2D"), x)
    x = b.conv(b.pad(x, (1, 0), (0, 2)), 10, kernel=(2, 3))
    flat = b.reshape(x, int(np.prod(b.tensors[x].shape)))
    out = b.fully_connected(flat, 10)
    return b, (out, y)


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=NAMES)
@pytest.mark.parametrize("seed", range(25))
def test_random_window(graphs, config, seed):
    b, out = random_layer(graphs, seed)
    graphs.check(b.build(out), config, b.feeds())


@pytest.mark.parametrize("config", CONFIGURATIONS, ids=NAMES)
@pytest.mark.parametrize("seed", range(8))
def test_random_network(graphs, config, seed):
    b, outputs = random_branches(graphs, seed)
    program = graphs.check(b.build(*outputs), config, b.feeds())
    reasons = {layer.name: layer.reason for layer in program.layers if layer.where == "host"}
    assert not {name for name, reason in reasons.items() if "line buffers" not in reason}, reasons


def test_line_buffers_too_small(graphs):
    """Not even one column of pixels fits: the model does not fit the configuration."""
    b = graphs.Builder(3)
    first = b.conv(b.input(4, 3, 300), 300, padding=(1, 1, 1, 1))
    out = b.conv(first, 4, kernel=(3, 1))
    message = r"conv_2d0: .*\d+ bytes.*available.*; conv_2d1: .*available"
    with pytest.raises(CapacityError, match=message):
        graphs.check(b.build(out), CONFIGS["tiny"], b.feeds())

"""SOFTMAX against LiteRT: every row length to 300 and beyond, every range of scales."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from networks.tflite_net import Net

LENGTHS = (*range(1, 301), 511, 512, 513, 1000, 1001, 2047, 4095, 4096)
# LiteRT aborts on a scale of next to nothing; above 1 all but the maximum vanish.
SCALES = (*(float(2.0**k) for k in range(-19, 4)), 0.0039, 0.03, 0.1, 0.17, 0.31, 0.77, 1.9)


def rows(rng, count: int, length: int) -> np.ndarray:
    """Rows of each kind: any values, values close together, one alone, all equal, both ends."""
    x = rng.integers(-128, 128, (count, length))
    x[1] = rng.integers(-3, 4, length) + rng.integers(-120, 120)
    x[2] = rng.integers(-128, -100, length)
    x[2, rng.integers(length)] = 127
    x[3] = rng.integers(-128, 128)
    x[4] = rng.choice([-128, 127], length)
    return x.astype(np.int8)


def differences(length: int, scale: float, beta: float, rounding: str, seed: int) -> int:
    feed = rows(np.random.default_rng(seed), 6, length)
    # Where the exponentials of a row sum up to 512, LiteRT's reference kernel aborts the process.
    distance = feed.astype(float) - feed.max(1, keepdims=True)
    feed = feed[np.exp(distance * scale * beta).sum(1) < 500]
    if not feed.size:
        return 0
    net = Net()
    x = net.input(feed.shape, (scale, -3))
    result = net.tensor(feed.shape, (1 / 256, -128))
    y = net.op("SOFTMAX", [x], result, "SoftmaxOptions", beta=beta)
    return net.differences(y, rounding=rounding, feeds=[feed])


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
def test_every_row_length(rounding):
    for seed, length in enumerate(LENGTHS):
        assert differences(length, SCALES[seed % len(SCALES)], 1.0, rounding, seed) == 0, length


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("beta", [1.0, 0.3, 2.5])
def test_every_scale(rounding, beta):
    for seed, scale in enumerate(SCALES):
        for length in (2, 10, 101):
            assert differences(length, scale, beta, rounding, seed) == 0, scale


def test_a_value_that_fixed_point_rounds_the_other_way():
    """LiteRT's default kernel adds float32: 3.49999735 is 3 there, and 4 in its reference one."""
    row = [-18, -23, -18, -18, -14, -25, -15, -27, -15, -24, -16, -10, -24, -10, -26, -14, -21, -23]
    feed = np.array([[*row, -18]], np.int8)
    for rounding in ("reference", "xnnpack"):
        net = Net()
        x = net.input(feed.shape, (0.20393773913383484, -19))
        y = net.op(
            "SOFTMAX", [x], net.tensor(feed.shape, (1 / 256, -128)), "SoftmaxOptions", beta=1.0
        )
        assert net.differences(y, rounding=rounding, feeds=[feed]) == 0

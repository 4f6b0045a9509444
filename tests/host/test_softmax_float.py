"""A Softmax that stays in float equals ONNX Runtime: every length, any dimension, behind sums."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net
from networks.ort import AVX_512
from weft.importers.onnx.file import import_onnx

LENGTHS = (*range(1, 70), 95, 96, 97, 128, 1000, 1001)
wide_cpu = pytest.mark.skipif(not AVX_512, reason="the rule is that of a CPU with AVX-512")


def rows(length, scale):
    """A network's result, and rows with any values, values close together, one alone, all equal."""
    rng, net = np.random.default_rng(length), Net((5, length), scale=scale)
    steps = rng.integers(-128, 128, (5, length))
    steps[1] = rng.integers(-3, 4, length)
    steps[2] = np.where(np.arange(length) == rng.integers(length), 127, -128)
    steps[3] = 7
    return net, (np.float32(scale) * (steps + 7)).astype(np.float32)


@wide_cpu
@pytest.mark.parametrize("scale", [0.003, 0.11, 0.9, 5.0])
def test_every_length(scale):
    for length in LENGTHS:
        net, x = rows(length, scale)
        assert net.difference(net.node("Softmax", [net.x], "y", axis=-1), x=x)[0] == 0, length


@pytest.mark.parametrize(
    ("axis", "opset"),
    [
        (1, 17),
        (2, 17),
        (3, 17),
        pytest.param(1, 11, marks=wide_cpu),
        pytest.param(2, 11, marks=wide_cpu),
    ],
)
def test_other_dimensions(axis, opset):
    net = Net((2, 5, 4, 3), scale=0.2)
    assert net.difference(net.node("Softmax", [net.x], "y", axis=axis), opset=opset)[0] == 0


@wide_cpu
@pytest.mark.parametrize("operator", ["Add", "Mul"])
def test_behind_arithmetic_in_float(operator):
    numbers = np.random.default_rng(SEED).normal(size=20).astype(np.float32)
    net = Net((6, 20), scale=0.07)
    y = net.node(operator, [net.x, net.constant("b", numbers)], "sum")
    y = net.node("Softmax", [y], "y", axis=-1)
    assert net.difference(y)[0] == 0
    data = net.bytes(y)
    assert import_onnx(data, "one", "onnxruntime", source="one").islands == []

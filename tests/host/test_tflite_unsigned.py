"""uint8 .tflite networks, as the first TensorFlow quantised them: exact against LiteRT."""

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert")

from networks.tflite_net import Net
from weft.compiler.lowering.average import mean_multiplier
from weft.golden.arithmetic import average, requantize
from weft.importers.tflite.walk import import_tflite
from weft_hw.contract.descriptor import Rounding

SHAPE = (1, 7, 6, 5)
ROUNDINGS = ("reference", "xnnpack")
WINDOW = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1}


def random_step(rng) -> tuple[float, int]:
    return float(np.float32(rng.uniform(0.01, 0.2))), int(rng.integers(0, 256))


def linear(rng, kind: str) -> tuple[Net, int]:
    """A layer whose uint8 weights have a zero point."""
    net, step = Net(np.uint8), random_step(rng)
    x, size = net.input(SHAPE, step), int(np.prod(SHAPE))
    shapes = {
        "CONV_2D": (4, 3, 3, 5),
        "DEPTHWISE_CONV_2D": (1, 3, 3, 10),
        "TRANSPOSE_CONV": (4, 3, 3, 5),
        "FULLY_CONNECTED": (4, size),
    }
    shape = shapes[kind]
    outputs = shape[3] if kind == "DEPTHWISE_CONV_2D" else shape[0]
    scale = np.float32(rng.uniform(0.001, 0.02))
    data = rng.integers(0, 256, shape).astype(np.uint8)
    # XNNPACK leaves depthwise layers alone whose single scale names a dimension other than 0.
    axis = int(rng.choice([0, 3])) if kind == "DEPTHWISE_CONV_2D" else 0
    weights = net.weights(data, [scale], [int(rng.integers(1, 256))], axis)
    bias = rng.integers(-5000, 5000, outputs).astype(np.int32)
    bias = net.weights(bias, [np.float32(step[0]) * scale])
    y_step = (step[0] * float(scale) * 200 * float(rng.uniform(0.5, 2)), int(rng.integers(0, 256)))
    activation = {"fusedActivationFunction": int(rng.choice([0, 1, 3]))}
    if kind == "FULLY_CONNECTED":
        flat = net.op(
            "RESHAPE", [x, net.constant(np.array([1, size], np.int32))], net.tensor((1, size), step)
        )
        y = net.tensor((1, outputs), y_step)
        return net, net.op(kind, [flat, weights, bias], y, "FullyConnectedOptions", **activation)
    if kind == "TRANSPOSE_CONV":
        y_shape = (1, 14, 12, outputs)
        inputs = [net.constant(np.array(y_shape, np.int32)), weights, x, bias]
        return net, net.op(
            kind, inputs, net.tensor(y_shape, y_step), "TransposeConvOptions", strideH=2, strideW=2
        )
    depthwise = kind == "DEPTHWISE_CONV_2D"
    options = "DepthwiseConv2DOptions" if depthwise else "Conv2DOptions"
    extra = {"depthMultiplier": 2} if depthwise else {}
    y = net.tensor((*SHAPE[:3], outputs), y_step)
    return net, net.op(kind, [x, weights, bias], y, options, **WINDOW, **activation, **extra)


def one(rng, kind: str, step, options: str, inputs: int, fields) -> tuple[Net, int]:
    net, x_step = Net(np.uint8), random_step(rng)
    tensors = [net.input(SHAPE, random_step(rng) if i else x_step) for i in range(inputs)]
    y_step = {"same": x_step, "any": random_step(rng)}.get(step, step)
    y = net.tensor((*SHAPE[:3], 10) if kind == "CONCATENATION" else SHAPE, y_step)
    return net, net.op(kind, tensors, y, options, **fields)


SAME_POOL = {"strideH": 1, "strideW": 1, "filterHeight": 4, "filterWidth": 3, "padding": 0}
LAYERS = {
    **{
        kind: lambda rng, kind=kind: linear(rng, kind)
        for kind in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
    },
    **{
        kind: lambda rng, kind=kind, record=record: one(rng, kind, *record)
        for kind, record in {
            "ADD": ("any", "AddOptions", 2, {"fusedActivationFunction": 1}),
            "SUB": ("any", "SubOptions", 2, {}),
            "MUL": ("any", "MulOptions", 2, {"fusedActivationFunction": 3}),
            "AVERAGE_POOL_2D": ("same", "Pool2DOptions", 1, SAME_POOL),
            "MAX_POOL_2D": ("same", "Pool2DOptions", 1, SAME_POOL),
            "CONCATENATION": ("any", "ConcatenationOptions", 2, {"axis": 3}),
            "LOGISTIC": ((1 / 256, 0), "", 1, {}),
            "TANH": ((1 / 128, 128), "", 1, {}),
            "SOFTMAX": ((1 / 256, 0), "SoftmaxOptions", 1, {"beta": 1.0}),
            "LEAKY_RELU": ("any", "LeakyReluOptions", 1, {"alpha": 0.2}),
            "RELU": ("any", "", 1, {}),
            "HARD_SWISH": ("any", "", 1, {}),
            "QUANTIZE": ("any", "", 1, {}),
        }.items()
    },
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("kind", LAYERS)
def test_layers_are_exact(kind, rounding):
    different = 0
    for seed in range(20):
        net, y = LAYERS[kind](np.random.default_rng(seed))
        different += net.differences(y, rounding=rounding)
    assert different == 0


def test_edges_keep_their_type():
    net, y = LAYERS["ADD"](np.random.default_rng(0))
    graph = import_tflite(net.bytes(y), "m", "reference")
    assert [graph.tensors[name].dtype for name in (*graph.inputs, *graph.outputs)] == [np.uint8] * 3
    assert [node.operator for node in graph.nodes] == ["QUANTIZE", "QUANTIZE", "ADD", "QUANTIZE"]


@pytest.mark.parametrize("count", [2, 3, 6, 9, 64, 225])
def test_accelerator_averages_unsigned_values(count):
    """The mean of uint8 values rounds ties up: floor(sum / count + 1/2)."""
    multiplier, shift = mean_multiplier(count, lowest=0)
    sums = np.arange(255 * count + 1)
    expected = (2 * sums + count) // (2 * count)
    assert np.array_equal(requantize(sums, multiplier, shift, Rounding.HALF_UP), expected)
    assert np.array_equal(average(sums - 128 * count, count, unsigned=True), expected - 128)


@pytest.mark.parametrize("rounding", ["reference", "xnnpack"])
@pytest.mark.parametrize("seed", range(6))
def test_concatenation_of_differing_scales(seed, rounding):
    """LiteRT rescales in float32 there."""
    rng, net = np.random.default_rng(seed), Net(np.uint8)
    steps = [(float(np.float32(rng.uniform(0.02, 0.2))), int(rng.integers(256))) for _ in range(3)]
    parts = [net.input((1, 16, 16, 3), step) for step in steps[:2]]
    y = net.tensor((1, 16, 16, 6), steps[2])
    net.op("CONCATENATION", parts, y, "ConcatenationOptions", axis=3)
    assert net.differences(y, rounding=rounding) == 0

"""Biases with a quantisation of their own, against ONNX Runtime."""

import numpy as np
import pytest
from weft.compiler import compile_graph
from weft.importers.onnx.file import import_onnx
from weft.models.loading import get_config

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net

SHAPES = {
    "Conv": (5, 3, 3, 3),
    "Depthwise": (3, 1, 3, 3),
    "ConvTranspose": (3, 5, 2, 2),
    "Gemm": (5, 12),
}
# Of scales such that no sum comes near a tie, as the order of float32 sums would decide it.
SCALE, WEIGHT_SCALE, STEP = 0.0305, 0.0107, 0.193


def layer(kind, dtype, factor, zero, per_channel) -> tuple[Net, str]:
    """Return a network whose bias has ``factor`` times the accumulator's scale."""
    net = Net((1, 12) if kind == "Gemm" else (1, 3, 7, 6), scale=SCALE)
    rng = np.random.default_rng(SEED)
    shape = SHAPES[kind]
    weights = net.weights("w", rng.integers(-127, 128, shape).astype(np.int8), WEIGHT_SCALE)
    channels = shape[1] if kind == "ConvTranspose" else shape[0]
    most = min(np.iinfo(dtype).max, 3000)
    bias = net.constant("b", rng.integers(-most, most, channels).astype(dtype))
    scale = np.float32(SCALE) * np.float32(WEIGHT_SCALE) * np.float32(factor)
    count = channels if per_channel else ()
    parameters = [
        net.constant("bs", np.full(count, scale, np.float32)),
        net.constant("bz", np.full(count, zero, dtype)),
    ]
    net.node("DequantizeLinear", [bias, *parameters], "bf", axis=0)
    operator = "Conv" if kind == "Depthwise" else kind
    attributes = {"Depthwise": {"group": 3}, "Gemm": {"transB": 1}}.get(kind, {})
    net.node(operator, [net.x, weights, "bf"], "y", **attributes)
    return net, net.quantized("y", STEP, -5)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(
    ("dtype", "factor", "zero"),
    [
        (np.int32, 1.0, 0),
        (np.int32, 1.005, 0),
        (np.int32, 8.1, 0),
        (np.int32, 0.37, 0),
        (np.int32, 1.0, 100),
        (np.int32, 1.03, 7),
        (np.int8, 29.3, 0),
        (np.int8, 29.3, -3),
    ],
)
@pytest.mark.parametrize("kind", SHAPES)
def test_bias_with_a_quantisation_of_its_own(kind, dtype, factor, zero, per_channel):
    net, output = layer(kind, dtype, factor, zero, per_channel)
    assert net.difference(output)[0] == 0


def test_layer_left_in_float_runs_on_the_host():
    net, output = layer("Conv", np.int32, 8.1, 0, False)
    graph = import_onnx(net.bytes(output), "one", "onnxruntime", source="one")
    program = compile_graph(graph, get_config("tiny"))
    [reason] = [row.reason for row in program.layers if row.operator == "CONV_2D"]
    assert "leaves the layer in float" in reason

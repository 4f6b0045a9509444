"""Float weights between DequantizeLinear and QuantizeLinear: ONNX Runtime quantises them."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net
from networks.ort import VNNI
from weft.importers.onnx.file import import_onnx

OUTPUTS = 8


def layer(operator, *, unsigned=False, bias=True, kind="normal", rows=IMAGE[1], **attributes):
    """Return a network of one layer whose weights are float32, and its result's name."""
    rng = np.random.default_rng(SEED)
    shape = {
        "Conv": (OUTPUTS, rows, 3, 3),
        "ConvTranspose": (rows, OUTPUTS, 3, 3),
        "Gemm": (54, OUTPUTS),
    }[operator]
    net = Net((4, 54) if operator == "Gemm" else IMAGE, unsigned=unsigned)
    data = rng.normal(size=shape).astype(np.float32)
    data = {
        "normal": data,
        "positive": np.abs(data) + 1,
        "negative": -np.abs(data),
        "zero": 0 * data,
    }[kind]
    inputs = [net.x, net.constant("w", data)]
    if bias:
        inputs.append(net.constant("b", rng.normal(size=OUTPUTS).astype(np.float32)))
    return net, net.node(operator, inputs, "c", **attributes)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose", "Gemm"])
def test_layers(operator, bias, unsigned):
    if unsigned and operator != "ConvTranspose" and not VNNI:
        pytest.skip("this CPU has no VNNI: the runtime's sums saturate")
    net, y = layer(operator, bias=bias, unsigned=unsigned)
    assert net.difference(net.quantized(y, 0.11, 3))[0] == 0


@pytest.mark.parametrize("kind", ["positive", "negative", "zero"])
def test_ranges_of_weights(kind):
    net, y = layer("Conv", kind=kind, pads=[1, 1, 1, 1])
    assert net.difference(net.quantized(y, 0.3, 3))[0] == 0


def test_groups_and_relu():
    net, y = layer("Conv", rows=3, group=2, strides=[2, 1])
    assert net.difference(net.quantized(net.node("Relu", [y], "r"), 0.05, -128))[0] == 0


def test_a_relu_that_clamps_is_within_one_step():
    net, y = layer("Conv")
    assert net.difference(net.quantized(net.node("Relu", [y], "r"), 0.05, -20))[0] <= 2


def kept_real(net, *outputs):
    # Beside a layer on integers, without which the network is refused.
    net.node("Conv", [net.x, net.weights("i", np.ones((2, IMAGE[1], 1, 1), np.int8))], "other")
    outputs = (*outputs, net.quantized("other", 0.1, 0))
    graph = import_onnx(net.bytes(*outputs), "one", "onnxruntime", source="one")
    [node] = [node for node in graph.nodes if node.operator == "CONV_2D" and node.name == "c"]
    return graph.tensors[str(node.inputs[1])].dtype == np.float32


def test_weights_stay_where_the_runtime_leaves_them():
    net, y = layer("Conv")
    assert not kept_real(net, net.quantized(y, 0.1, 0))
    net, y = layer("Conv")
    assert kept_real(net, net.quantized(y, 0.1, 0), net.node("Sigmoid", [y], "s"))
    net, y = layer("Conv")
    assert kept_real(net, net.quantized(net.node("Sigmoid", [y], "s"), 0.01, -128))

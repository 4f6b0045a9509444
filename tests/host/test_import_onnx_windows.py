"""ONNX's convolutions and pools between quantised tensors, against ONNX Runtime."""

import pytest

pytest.importorskip("onnxruntime")

import numpy as np
import weft
from networks.onnx_net import IMAGE, SEED, Net, exact, pass_through
from networks.ort import open_ort
from weft.errors import ModelError
from weft.importers.onnx.file import import_onnx


@pytest.mark.parametrize(
    "attributes",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
        {"auto_pad": "VALID"},
        {"pads": [0, 1, 2, 0], "dilations": [2, 1]},
    ],
)
def test_padding_of_convolutions(attributes):
    net = Net(IMAGE)
    weights = np.random.default_rng(SEED).integers(-127, 128, (5, 6, 3, 2)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "y", **attributes)
    exact(net, "y", 0.2)


@pytest.mark.parametrize("group", [1, 4])
def test_one_dimensional_convolution(group):
    net = Net((2, 4, 21))
    rng = np.random.default_rng(SEED)
    weights = rng.integers(-127, 128, (8, 4 // group, 5)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "y", pads=[2, 1], strides=[2], group=group)
    exact(net, "y", 0.1)


def test_float_bias_and_relu6():
    net = Net(IMAGE)
    rng = np.random.default_rng(SEED)
    weights = rng.integers(-127, 128, (5, 6, 1, 1)).astype(np.int8)
    bias = net.weights("b", rng.integers(-9000, 9000, 5).astype(np.int32), 0.01 * 0.03)
    net.node("Conv", [net.x, net.weights("w", weights), bias], "c")
    low, high = net.constant("low", np.float32(0)), net.constant("high", np.float32(6))
    net.node("Clip", ["c", low, high], "y")
    exact(net, "y", 6 / 255, -128)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
        {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]},
        {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
    ],
)
def test_pools(operator, attributes):
    net = Net(IMAGE)
    net.node(operator, [net.x], "y", **attributes)
    pass_through(net, "y", opset=17)


@pytest.mark.parametrize("operator", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("opset", [17, 20])
def test_pools_that_leave_out_pixels_of_same_are_refused(operator, opset):
    """ONNX Runtime stops at a padding below zero; from opset 19 on it averages other pixels."""
    net = Net((1, 6, 9, 6))
    net.node(operator, [net.x], "y", kernel_shape=[1, 2], strides=[1, 3], auto_pad="SAME_UPPER")
    with pytest.raises(ModelError, match="leaves out the last pixels"):
        import_onnx(
            net.bytes(net.quantized("y", 0.05, 1), opset=opset), "m", "onnxruntime", source="m"
        )


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel_shape": [3, 2], "dilations": [2, 3]},
        {"kernel_shape": [2, 3], "dilations": [4, 2], "strides": [2, 2], "pads": [1, 2, 0, 1]},
        {"kernel_shape": [2, 2], "dilations": [3, 1], "strides": [3, 2], "ceil_mode": 1},
    ],
)
def test_dilated_max_pool(attributes):
    net = Net(IMAGE)
    net.node("MaxPool", [net.x], "y", **attributes)
    pass_through(net, "y", opset=17)


# The two taps of a row of five columns: at -1 and 4, or at -1 and 5, past both ends.
WINDOW = {"kernel_shape": [1, 2], "dilations": [1, 5], "pads": [0, 1, 0, 0]}
PAST = {"kernel_shape": [1, 2], "dilations": [1, 6], "pads": [0, 1, 0, 1]}


def small_pool(attributes, *, integers=False):
    net = Net((1, 2, 3, 5))
    if integers:
        pooled = net.node("MaxPool", ["x.q"], "y.q", **attributes)
        return net, net.node("DequantizeLinear", [pooled, "x.s", "x.z"], "y")
    return net, net.node("MaxPool", [net.x], "y", **attributes)


def pooled_by_runtime(net, *outputs):
    x = np.random.default_rng(SEED).normal(size=net.shape).astype(np.float32)
    return x, open_ort(net.bytes(*outputs)).run(None, {"x": x})[0]


@pytest.mark.parametrize("integers", [False, True])
def test_a_dilated_max_pool_with_a_pixel_in_each_window(integers):
    net, output = small_pool(WINDOW, integers=integers)
    x, right = pooled_by_runtime(net, output)
    with weft.InferenceSession(net.bytes(output)) as session:
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], right)


def test_a_max_pool_of_padding_alone():
    """Of integers that is the least one; of real numbers it is none that int8 holds."""
    net, output = small_pool(PAST, integers=True)
    x, right = pooled_by_runtime(net, output)
    with weft.InferenceSession(net.bytes(output)) as session:
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], right)
    net, output = small_pool(PAST)
    again = net.quantized(output, 0.05, 3)  # a second reader, for which the runtime keeps floats
    assert pooled_by_runtime(net, output, again)[1].min() == np.finfo(np.float32).min
    with pytest.raises(ModelError, match="a window of MaxPool that lies in the padding alone"):
        import_onnx(net.bytes(output, again), "m", "onnxruntime", source="m")


def test_average_pool_that_counts_padding():
    net = Net(IMAGE)
    net.node("AveragePool", [net.x], "y", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    pass_through(net, "y", opset=17)


def test_global_max_pool():
    net = Net(IMAGE)
    net.node("GlobalMaxPool", [net.x], "y")
    pass_through(net, "y")


@pytest.mark.parametrize(
    ("group", "attributes"),
    [
        (1, {"strides": [2, 2]}),
        (2, {"strides": [1, 3], "pads": [1, 0, 0, 1]}),
        (3, {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ],
)
def test_transposed_convolution(group, attributes):
    net = Net(IMAGE)
    rng = np.random.default_rng(SEED)
    weights = rng.integers(-127, 128, (6, 6 // group, 3, 3)).astype(np.int8)
    bias = net.weights("b", rng.integers(-9000, 9000, 6).astype(np.int32), 0.01 * 0.03)
    net.node(
        "ConvTranspose", [net.x, net.weights("w", weights), bias], "y", group=group, **attributes
    )
    exact(net, "y", 0.2)


def test_transposed_convolution_in_one_dimension():
    net = Net((1, 4, 9))
    weights = np.random.default_rng(SEED).integers(-127, 128, (4, 5, 3)).astype(np.int8)
    net.node("ConvTranspose", [net.x, net.weights("w", weights)], "y", strides=[2], pads=[1, 0])
    exact(net, "y", 0.2)


def test_reduce_mean_is_a_global_average_pool():
    net = Net(IMAGE)
    net.node("ReduceMean", [net.x, net.constant("a", np.array([2, 3], np.int64))], "y", keepdims=0)
    different, total = net.difference(net.quantized("y", 0.02, 3))
    # ONNX Runtime has no integer kernel for it and sums in float32.
    assert different <= 1 and total == 6


@pytest.mark.parametrize("unsigned", [False, True])
def test_squeeze_and_excitation(unsigned):
    net = Net(IMAGE, unsigned=unsigned)
    weights = np.random.default_rng(SEED).integers(-60, 61, (6, 6, 1, 1)).astype(np.int8)
    net.node("GlobalAveragePool", [net.x], "g")
    net.node("Conv", [net.quantized("g", 0.008, 4), net.weights("w", weights)], "c")
    net.node("Sigmoid", [net.quantized("c", 0.02, 9)], "s")
    net.node("Mul", [net.x, net.quantized("s", 1 / 255, -128)], "m")
    net.node("Add", [net.quantized("m", 0.02, 1), net.x], "y")
    exact(net, "y")

"""ONNX's Softmax, LogSoftmax and sums over dimensions, against ONNX Runtime."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net, exact
from weft.errors import ModelError
from weft.importers.onnx.file import import_onnx

SOFT = (1 / 255, -128)
IMAGES = [((2, 6, 9, 7), axis) for axis in (1, 2, 3, -2)]
OTHERS = [((2, 5, 12), 1), ((2, 5, 12), 2), ((3, 12), -1), ((1, 2, 3, 4, 5), 2)]


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("shape, axis", IMAGES + OTHERS, ids=str)
def test_softmax_over_any_dimension(shape, axis, unsigned):
    net = Net(shape, unsigned=unsigned)
    net.node("Softmax", [net.x], "y", axis=axis)
    exact(net, "y", *SOFT)


@pytest.mark.parametrize("channels_last", [False, True])
def test_softmax_over_rows_behind_a_layer(channels_last):
    net = Net(IMAGE)
    weights = np.random.default_rng(SEED).integers(-127, 128, (5, 6, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "c")
    value = net.quantized("c", 0.1, 3)
    if channels_last:
        value = net.node("Transpose", [value], "t", perm=[0, 2, 3, 1])
        value = net.quantized("t", 0.1, 3)
    net.node("Softmax", [value], "y", axis=1 if channels_last else 2)
    exact(net, "y", *SOFT)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 10, 33, 64, 100, 1000])
def test_softmax_of_every_length_and_scale(length, unsigned):
    """The runtime's exponentials are so large that a fine scale of the result would exceed them."""
    rng = np.random.default_rng(length)
    for scale in (0.002, 0.0051, 0.03, 0.2, 1.7):
        for result in (1 / 256, 1 / 255, 0.0019, 0.0031, 0.02):
            shape = (2000 // length + 2, length)
            net = Net(shape, unsigned=unsigned, scale=scale, zero_point=5)
            net.node("Softmax", [net.x], "y")
            x = (rng.integers(-133, 123, shape) * scale).astype(np.float32)
            exact(net, "y", result, -128, x=x)


def test_softmax_of_values_next_to_each_other():
    """Quotients as close to a tie as float32 tells apart: in few places one is a step away."""
    away = 0
    for length in (5, 6, 7, 10, 12, 14, 18):
        rng = np.random.default_rng(length)
        net = Net((4000, length), scale=1 / 512, zero_point=0)
        net.node("Softmax", [net.x], "y")
        x = (rng.integers(0, 9, (4000, length)) / 512).astype(np.float32)
        y = net.quantized("y", 1 / 256, -128)
        away += net.difference(y, x=x, within=1.01 / 256)[0]
    assert away <= 30  # of 288,000


def within_a_step(net, name, step, *, most, opset=17):
    """Values of a float island: whole steps from the runtime's, one at most, in few places."""
    y = net.quantized(name, *step)
    graph = import_onnx(net.bytes(y, opset=opset), "m", "onnxruntime", source="m")
    assert graph.islands
    different, count = net.difference(y, opset=opset, within=step[0] * 1.01)
    assert different <= most * count


@pytest.mark.parametrize("shape, axis", IMAGES + OTHERS, ids=str)
def test_log_softmax(shape, axis):
    net = Net(shape)
    net.node("LogSoftmax", [net.x], "y", axis=axis)
    within_a_step(net, "y", (1 / 16, 127), most=0.002)


def test_log_softmax_over_several_dimensions():
    """Up to opset 12 over the axis and all behind it."""
    net = Net((2, 6, 9, 7))
    net.node("LogSoftmax", [net.x], "y", axis=2)
    within_a_step(net, "y", (1 / 16, 127), most=0.002, opset=12)


AXES = [(2, 3), (1,), (3,), (1, 2, 3), None]


@pytest.mark.parametrize("operator", ["ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare"])
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("keep", [0, 1])
def test_sums(operator, axes, keep):
    """Scales of which no sum is a tie."""
    net = Net((1, 6, 9, 7), scale=0.0371, zero_point=-7)
    named, inputs = {}, [net.x]
    if operator == "ReduceSum" and axes is not None:
        inputs.append(net.constant("axes", np.array(axes)))
    elif axes is not None:
        named = {"axes": axes}
    net.node(operator, inputs, "y", keepdims=keep, **named)
    count = 378 if axes is None else int(np.prod([(1, 6, 9, 7)[axis] for axis in axes]))
    size = {"ReduceL2": 5 * count**0.5, "ReduceSumSquare": 10 * count}.get(operator, 5 * count)
    within_a_step(net, "y", (size / 171.3, 0), most=0.0)


def test_sums_whose_ties_float32_decides():
    """One step at most; here every tenth sum is a tie."""
    net = Net((1, 6, 40, 40), scale=0.03, zero_point=0)
    net.node("ReduceSum", [net.x, net.constant("axes", np.array([1]))], "y")
    within_a_step(net, "y", (0.3, 11), most=0.1)


def test_normalisation_to_length_one():
    """As torch.nn.functional.normalize is exported."""
    net = Net((4, 16))
    net.node("ReduceL2", [net.x, net.constant("axes", np.array([1]))], "length", keepdims=1)
    net.node("Clip", ["length", net.constant("least", np.float32(1e-12))], "kept")
    net.node("Expand", ["kept", net.constant("shape", np.array([4, 16]))], "wide")
    net.node("Div", [net.x, "wide"], "y")
    within_a_step(net, "y", (1 / 127, 0), most=0.02, opset=18)


def test_axes_of_a_sum_that_do_not_exist_are_refused():
    net = Net(IMAGE)
    net.node("ReduceSum", [net.x, net.constant("axes", np.array([4]))], "y")
    data = net.bytes(net.quantized("y", 0.1, 0))
    with pytest.raises(ModelError, match="ReduceSum over axes"):
        import_onnx(data, "m", "onnxruntime", source="m")

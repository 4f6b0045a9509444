"""Float islands: the rule in exact fractions, and ONNX Runtime within one step.

Expected values come from whole numbers and fractions here, or from the runtime; scales are odd
numbers, so that float32 sums would not do.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import weft
from networks.island import SCALE, Island, exactly, runtime, step, written

onnxruntime = pytest.importorskip("onnxruntime")


def expected(numbers, scale, zero_point):
    steps = np.vectorize(lambda v: step(v, scale, zero_point))(numbers)
    return np.float32(scale) * (steps - zero_point).astype(np.float32)


def run(net, tmp_path, *outputs):
    with weft.InferenceSession(written(net, tmp_path, *outputs)) as session:
        assert session.graph.islands
        return session.run(None, {"x": net.feed})


def check(net, tmp_path, results):
    """``results``: (tensor, its values, scale, zero point) of each QuantizeLinear."""
    outputs = [net.quantized(name, scale, zero) for name, _, scale, zero in results]
    got, there = run(net, tmp_path, *outputs), runtime(net, *outputs)
    for values, reference, (_, numbers, scale, zero) in zip(got, there, results, strict=True):
        np.testing.assert_array_equal(values, expected(numbers, scale, zero))
        away = np.rint(np.abs(values - reference) / scale)
        assert away.max() <= 1 and np.count_nonzero(away) <= 0.01 * away.size


def relu(numbers):
    return clip(numbers, Fraction(0))


def clip(numbers, low, high=Fraction(10**9)):
    return np.vectorize(lambda v: min(max(v, low), high), otypes=[object])(numbers)


@pytest.mark.parametrize("seed", range(4))
def test_residual_of_a_quantised_tensor(seed, tmp_path):
    """A float value with two Qs of different scales."""
    net = Island(seed)
    a, numbers = net.conv("a", channels=3)
    net.node("Add", [a, net.x], "sum")
    net.node("Relu", ["sum"], "r")
    kept = relu(numbers + net.real_x())
    net.node("Identity", ["r"], "again")
    check(net, tmp_path, [("r", kept, 0.0517, -128), ("again", kept, 0.0211, -100)])


def test_sum_of_two_convolutions_that_is_read_again(tmp_path):
    net = Island(5)
    (a, first), (b, second) = net.conv("a"), net.conv("b", scale=0.0071)
    net.node("Add", [a, b], "sum")
    c, third = net.conv("c", bias=False)
    net.node("Sub", ["sum", c], "more")
    check(
        net,
        tmp_path,
        [("sum", first + second, 0.0833, 3), ("more", first + second - third, 0.0917, -4)],
    )


def test_clip_of_any_bounds(tmp_path):
    net = Island(6)
    a, numbers = net.conv("a")
    bounds = [net.constant("low", np.float32(-0.37)), net.constant("high", np.float32(1.21))]
    net.node("Clip", [a, *bounds], "clipped")
    kept = clip(numbers, exactly(-0.37), exactly(1.21))
    check(net, tmp_path, [("clipped", kept, 0.0091, -40)])


def test_pools_means_and_concatenation(tmp_path):
    net = Island(7)
    (a, first), (b, second) = net.conv("a", bias=False), net.conv("b", bias=False)
    net.node("Relu", [a], "r")
    net.node("Concat", ["r", b], "both", axis=1)
    joined = np.concatenate([relu(first), second], axis=1)
    net.node("AveragePool", ["both"], "average", kernel_shape=[2, 2], strides=[2, 1])
    windows = np.lib.stride_tricks.sliding_window_view(joined, (2, 2), axis=(2, 3))[:, :, ::2]
    net.node("MaxPool", ["both"], "max", kernel_shape=[2, 2], strides=[2, 1])
    net.node("GlobalAveragePool", ["both"], "mean")
    check(
        net,
        tmp_path,
        [
            ("both", joined, 0.0712, -7),
            ("average", windows.sum(axis=(-1, -2)) / Fraction(4), 0.0413, 5),
            ("max", windows.max(axis=(-1, -2)), 0.0613, -50),
            ("mean", joined.sum(axis=(2, 3), keepdims=True) / Fraction(30), 0.0137, 9),
        ],
    )


def test_a_bias_of_a_layer_that_is_quantised_at_once_counts_in_whole_steps(tmp_path):
    net = Island(16)
    a, numbers = net.conv("a", bias=False)
    offsets = net.rng.uniform(-1, 1, 4).astype(np.float32)
    net.nodes[-1].input.append(net.constant("b", offsets))
    product = exactly(np.float32(SCALE) * np.float32(0.0113))
    whole = [round(exactly(b) / product) * product for b in offsets]
    net.node("Relu", [a], "r")
    kept = relu(numbers + np.array(whole).reshape(1, -1, 1, 1))
    check(net, tmp_path, [("r", kept, 0.0517, 0)])


@pytest.mark.parametrize(
    ("operator", "function"),
    [
        ("Sigmoid", lambda x: 1 / (1 + math.exp(-x))),
        ("Tanh", math.tanh),
        ("HardSwish", lambda x: x * min(max(x / 6 + 0.5, 0), 1)),
        ("Erf", math.erf),
        ("Softplus", lambda x: math.log1p(math.exp(x))),
        ("Gelu", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
        ("Elu", lambda x: x if x >= 0 else math.expm1(x)),
    ],
)
def test_functions_of_a_convolution(operator, function, tmp_path):
    net = Island(8)
    a, numbers = net.conv("a", scale=0.0031)
    net.node(operator, [a], "f")
    values = np.vectorize(lambda v: Fraction(function(float(v))), otypes=[object])(numbers)
    check(net, tmp_path, [("f", values, 0.0123, -60)])


def test_a_gate_for_each_channel(tmp_path):
    """Squeeze and excitation: a Sigmoid of one pixel times the whole map."""
    net = Island(9)
    a, numbers = net.conv("a", scale=0.0031)
    net.node("GlobalAveragePool", [a], "mean")
    net.node("Sigmoid", ["mean"], "gate")
    net.node("Mul", [a, "gate"], "scaled")
    mean = numbers.sum(axis=(2, 3), keepdims=True) / Fraction(30)
    gate = np.vectorize(lambda v: Fraction(1 / (1 + math.exp(-float(v)))))(mean)
    check(net, tmp_path, [("scaled", numbers * gate, 0.0123, -60)])


def test_an_output_in_float_is_rounded_to_float32(tmp_path):
    net = Island(10)
    a, numbers = net.conv("a")
    got = run(net, tmp_path, a)[0]
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, numbers.astype(np.float64).astype(np.float32))
    np.testing.assert_allclose(got, runtime(net, a)[0], rtol=1e-5, atol=1e-6)


def test_layers_whose_weights_are_left_in_float(tmp_path):
    """Beside layers on integers they run in real numbers, too."""
    net = Island(11)
    a, numbers = net.conv("a")
    weights = net.rng.uniform(-1, 1, (2, 4, 1, 1)).astype(np.float32)
    net.node("Conv", [a, net.constant("w", weights)], "float")
    parts = np.vectorize(Fraction)(weights[..., 0, 0].astype(np.float64))
    products = np.einsum("oc,bchw->bohw", parts, numbers)
    check(net, tmp_path, [("float", products, 0.0712, -7)])


@pytest.mark.parametrize(
    ("operator", "attributes"),
    [
        ("Conv", {"group": 2, "pads": [1, 1, 1, 1], "strides": [2, 1]}),
        ("Conv", {"group": 4, "dilations": [1, 2], "pads": [1, 2, 1, 2]}),
        ("ConvTranspose", {"strides": [2, 2], "pads": [1, 0, 1, 0]}),
    ],
)
def test_windows_over_real_numbers(operator, attributes, tmp_path):
    net = Island(12)
    a, _ = net.conv("a")
    groups = attributes.get("group", 1)
    weights = net.rng.uniform(-1, 1, (4, 4 // groups, 3, 3)).astype(np.float32)
    out = net.node(operator, [a, net.constant("w", weights)], "float", **attributes)
    np.testing.assert_allclose(
        run(net, tmp_path, out)[0], runtime(net, out)[0], rtol=1e-5, atol=1e-5
    )


def test_moves_and_rows_in_float(tmp_path):
    net = Island(13)
    a, _ = net.conv("a")
    net.node("Transpose", [a], "t", perm=[0, 2, 3, 1])
    net.node("Softmax", ["t"], "s", axis=-1)
    net.node("Reshape", ["s", net.constant("shape", np.array([1, -1]))], "flat")
    out = net.node(
        "Slice",
        ["flat", *(net.constant(n, np.array([v])) for n, v in (("b", 3), ("e", 60), ("axes", 1)))],
        "part",
    )
    np.testing.assert_allclose(run(net, tmp_path, out)[0], runtime(net, out)[0], rtol=1e-5)


def test_a_program_holds_islands(tmp_path):
    """Compiled, saved, loaded: convolutions beside an island still run on the accelerator."""
    net = Island(14)
    a, numbers = net.conv("a", channels=3)
    net.node("Add", [a, net.x], "sum")
    y = net.quantized("sum", 0.05, 1)
    weights = net.weights("last.w", np.ones((2, 3, 1, 1), np.int8))
    net.node("Conv", [y, weights], "last")
    out = net.quantized("last", 0.01, 0)
    path = written(net, tmp_path, out)
    program = weft.compile(path, config="tiny")
    program.save(tmp_path / "m.weft")
    where = {layer.name: layer.where for layer in program.layers}
    assert where["last"] == "accelerator" and where["a"] == "host"
    with weft.InferenceSession(tmp_path / "m.weft", device="golden") as session:
        [got] = session.run(None, {"x": net.feed})
    steps = np.vectorize(lambda v: step(v, 0.05, 1))(numbers + net.real_x()) - 1
    total = steps.sum(axis=1, keepdims=True).repeat(2, 1)
    values = np.vectorize(lambda q: int(q) * exactly(0.05) * exactly(0.01))(total)
    np.testing.assert_array_equal(got, expected(values, 0.01, 0))


def test_a_network_in_float_is_still_refused(tmp_path):
    net = Island(15)
    weights = net.constant("w", np.ones((2, 3, 1, 1), np.float32))
    out = net.node("Conv", [net.x, weights], "c")
    path = written(net, tmp_path, out)
    with pytest.raises(weft.ModelError, match="c: the result of Conv is not quantised"):
        weft.InferenceSession(path)

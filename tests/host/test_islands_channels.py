"""Scales for each channel around a float island: batch normalisation, NNCF's activations, weights.

Expected values are ONNX Runtime's within one step, and fractions where the rule decides.
"""

from fractions import Fraction

import numpy as np
import pytest
import weft
from networks.island import SCALE, ZERO, Island, exactly, runtime, step, written
from onnx import helper

pytest.importorskip("onnxruntime")


def compare(net, tmp_path, name, scale, *, accelerated=(), config="ulx3s-85f"):
    """Compare with the runtime, and require that the named layers run on the accelerator."""
    path = written(net, tmp_path, name)
    program = weft.compile(path, config=config)
    places = {layer.name: layer.where for layer in program.layers}
    assert [places[layer] for layer in accelerated] == ["accelerator"] * len(accelerated)
    with weft.InferenceSession(path) as session:
        [got] = session.run(None, {"x": net.feed})
    [there] = runtime(net, name)
    assert got.shape == there.shape and got.dtype == there.dtype
    away = np.abs(got - there) / scale
    assert away.max() < 1.01 and np.count_nonzero(away > 0.5) <= 0.01 * away.size
    return got


def normalisation(net, x, output, factors, offsets):
    ones, zeros = np.ones(len(factors), np.float32), np.zeros(len(factors), np.float32)
    names = [
        net.constant(f"{output}.{i}", values.astype(np.float32))
        for i, values in enumerate((factors, offsets, zeros, ones - np.float32(1e-5)))
    ]
    return net.node("BatchNormalization", [x, *names], output, epsilon=1e-5)


def test_batch_normalisation_goes_into_the_weights(tmp_path):
    """Negative factors, too; a bias counts in whole steps of the accumulator."""
    net = Island(21)
    a, numbers = net.conv("a", bias=False)
    factors, offsets = np.array([0.7, -1.3, 2.0, -0.2]), np.array([0.31, -0.2, 0.0, 1.7])
    normalisation(net, a, "n", factors, offsets)
    net.node("Relu", ["n"], "r")
    out = net.quantized("r", 0.0517, 0)
    got = compare(net, tmp_path, out, 0.0517, accelerated=["a"])
    products = [exactly(SCALE) * exactly(0.0113) * exactly(abs(f)) for f in factors]
    whole = [round(Fraction(b) / p) * p for b, p in zip(offsets, products, strict=True)]
    # Scales are float32, so that rounding may differ from fractions of decimals close to a tie.
    values = numbers * np.array([exactly(f) for f in factors]).reshape(1, -1, 1, 1)
    values = values + np.array(whole).reshape(1, -1, 1, 1)
    kept = np.vectorize(lambda v: step(max(v, Fraction(0)), 0.0517, 0))(values)
    np.testing.assert_array_equal(got, np.float32(0.0517) * kept.astype(np.float32))


@pytest.mark.parametrize("factors", [[0.7, 0.0, 2.0, 0.2], [0.7, -0.5, 2.0, 0.2]])
def test_factors_that_no_weights_can_take(factors, tmp_path):
    """A factor of 0, and a weight of -128 whose sign would change."""
    net = Island(22)
    weights = np.full((4, 3, 1, 1), -128, np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "a")
    normalisation(net, "a", "n", np.array(factors), np.array([0.3, 0.1, 0.0, -1]))
    compare(net, tmp_path, net.quantized("n", 0.21, 0), 0.21)


def test_batch_normalisation_of_a_tensor_and_of_a_sum(tmp_path):
    net = Island(23)
    normalisation(net, net.x, "n", np.array([0.7, -1.3, 2.0]), np.array([0.3, 0.1, 0.0]))
    y = net.quantized("n", 0.06, 3)
    a, _ = net.conv("a", channels=3)
    net.node("Add", [a, y], "sum")
    normalisation(net, "sum", "m", np.array([0.9, -0.3, 1.0]), np.array([0.3, 0.1, 0.0]))
    compare(net, tmp_path, net.quantized("m", 0.11, 3), 0.11)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div"])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(4, 1, 1), (1, 4, 1, 1), (), (6, 5)])
def test_constants_behind_a_convolution(operator, turned, shape, tmp_path):
    net = Island(24)
    a, _ = net.conv("a")
    numbers = net.constant("n", net.rng.uniform(0.5, 2, shape).astype(np.float32))
    net.node(operator, [numbers, a] if turned else [a, numbers], "o")
    layer = ["a"] if shape != (6, 5) and not (turned and operator == "Div") else []
    compare(net, tmp_path, net.quantized("o", 0.3, 0), 0.3, accelerated=layer)


def test_a_bias_behind_a_matmul(tmp_path):
    net = Island(25, shape=(1, 6, 5))
    net.node("MatMul", [net.x, net.weights("w", net.rng.integers(-90, 90, (5, 4), np.int8))], "m")
    net.node("Add", [net.constant("b", np.array([1, -1, 0.3, 2], np.float32)), "m"], "o")
    compare(net, tmp_path, net.quantized("o", 0.1, 0), 0.1, accelerated=["m"])


@pytest.mark.parametrize("rows", [(4,), (2, 4), (2, 3, 4)])
@pytest.mark.parametrize("operator", ["Add", "Mul", "BatchNormalization"])
def test_what_follows_a_matmul_that_stays_in_float(operator, rows, tmp_path):
    """As many rows as columns, so that the wrong dimension would do as well."""
    net = Island(26, shape=(*rows, 5))
    net.node("MatMul", [net.x, net.weights("w", net.rng.integers(-90, 90, (5, 4), np.int8))], "m")
    numbers = np.array([1, -1, 0.3, 2], np.float32)
    if operator == "BatchNormalization":
        channels = rows[1] if len(rows) > 1 else 4
        normalisation(net, "m", "o", np.resize(numbers, channels), np.resize(numbers, channels))
    else:
        net.node(operator, ["m", net.constant("b", numbers)], "o")
    path = written(net, tmp_path, "o")
    with weft.InferenceSession(path) as session:
        [got] = session.run(None, {"x": net.feed})
    [there] = runtime(net, "o")
    np.testing.assert_allclose(got, there, rtol=1e-5, atol=1e-5)


def test_a_vector_by_a_matrix_and_a_row(tmp_path):
    """The sum has one dimension more than the product."""
    net = Island(27, shape=(5,))
    net.node("MatMul", [net.x, net.weights("w", net.rng.integers(-90, 90, (5, 4), np.int8))], "m")
    net.node("Add", ["m", net.constant("b", np.array([[1, -1, 0.3, 2]], np.float32))], "o")
    compare(net, tmp_path, net.quantized("o", 0.3, 0), 0.3)


def test_rows_of_a_matmul_with_a_scale_each(tmp_path):
    """As many rows as columns: the scales are those of the second dimension."""
    net = Island(28, shape=(2, 4, 5))
    net.node("MatMul", [net.x, net.weights("w", net.rng.integers(-90, 90, (5, 4), np.int8))], "m")
    scales = net.constant("s", np.array([0.3, 0.1, 0.7, 0.2], np.float32))
    zeros = net.constant("z", np.zeros(4, np.int8))
    net.node("QuantizeLinear", ["m", scales, zeros], "q", axis=1)
    out = net.node("DequantizeLinear", ["q", scales, zeros], "o", axis=1)
    compare(net, tmp_path, out, 0.7)


def by_channel(net, x, output, scales, zeros, dtype):
    names = [
        net.constant(f"{output}.s", np.array(scales, np.float32)),
        net.constant(f"{output}.z", np.array(zeros, dtype)),
    ]
    net.nodes.append(helper.make_node("QuantizeLinear", [x, *names], [f"{output}.q"], axis=1))
    net.nodes.append(
        helper.make_node("DequantizeLinear", [f"{output}.q", *names], [output], axis=1)
    )
    return output


@pytest.mark.parametrize(
    ("zeros", "dtype", "accelerated"),
    [
        ([0, 0, 0, 0], np.int8, ["a", "d"]),
        ([128, 128, 128, 128], np.uint8, ["a", "d"]),
        ([3, -20, 50, 0], np.int8, []),
        ([3, 200, 50, 0], np.uint8, []),
    ],
)
@pytest.mark.parametrize("outputs", [4, 8])
def test_a_depthwise_convolution_of_activations_with_scales(
    zeros, dtype, accelerated, outputs, tmp_path
):
    net = Island(26)
    a, _ = net.conv("a")
    net.node("Relu", [a], "r")
    y = by_channel(net, "r", "y", [0.03, 0.05, 0.02, 0.07], zeros, dtype)
    weights = net.weights("w", net.rng.integers(-90, 90, (outputs, 1, 3, 3), np.int8))
    bias = net.constant("b", net.rng.uniform(-1, 1, outputs).astype(np.float32))
    net.node("Conv", [y, weights, bias], "d", group=4, pads=[1, 1, 1, 1])
    compare(net, tmp_path, net.quantized("d", 0.11, 0), 0.11, accelerated=accelerated)


@pytest.mark.parametrize("zeros", [[0, 0, 0], [5, -5, 9]])
def test_other_readers_of_activations_with_scales(zeros, tmp_path):
    """Ties of the runtime's float32 and of real numbers are the same where scales are dyadic."""
    net = Island(27)
    y = by_channel(net, net.x, "y", [0.03125, 0.0625, 0.5], zeros, np.int8)
    net.node("Conv", [y, net.weights("w", net.rng.integers(-9, 9, (2, 3, 1, 1), np.int8))], "c")
    net.node("GlobalAveragePool", ["c"], "g")
    net.node("Mul", ["c", "g"], "m")
    compare(net, tmp_path, net.quantized("m", 0.11, 0), 0.11)


def test_concatenation_of_tensors_quantised_alike_stays_on_integers(tmp_path):
    net = Island(28)
    a, _ = net.conv("a")
    y = net.quantized(a, SCALE, ZERO)
    net.node("Concat", [y, net.x], "both", axis=1)
    net.node(
        "Conv", ["both", net.weights("w", net.rng.integers(-9, 9, (2, 7, 1, 1), np.int8))], "c"
    )
    compare(net, tmp_path, net.quantized("c", 0.11, 0), 0.11, accelerated=["a", "c"])


def vector(net, name, data, scales, axis):
    names = [
        net.constant(name, data),
        net.constant(f"{name}.s", np.array(scales, np.float32)),
        net.constant(f"{name}.z", np.zeros(len(scales), np.int8)),
    ]
    net.nodes.append(helper.make_node("DequantizeLinear", names, [f"{name}.f"], axis=axis))
    return f"{name}.f"


@pytest.mark.parametrize("axis", [0, 1])
def test_weights_of_a_matmul_with_scales_on_either_side(axis, tmp_path):
    net = Island(29, shape=(1, 6, 5))
    data = net.rng.integers(-90, 90, (5, 5), np.int8)
    weights = vector(net, "w", data, [0.01, 0.03, 0.002, 0.02, 0.05], axis)
    net.node("MatMul", [net.x, weights], "m")
    compare(net, tmp_path, net.quantized("m", 0.1, 0), 0.1, accelerated=["m"] * axis)


@pytest.mark.parametrize("axis", [0, 1])
def test_weights_of_a_transposed_convolution_with_scales_on_either_side(axis, tmp_path):
    net = Island(30)
    data = net.rng.integers(-90, 90, (3, 3 if axis else 4, 2, 2), np.int8)
    weights = vector(net, "w", data, [0.01, 0.03, 0.002], axis)
    bias = net.constant("b", net.rng.uniform(-1, 1, data.shape[1]).astype(np.float32))
    net.node("ConvTranspose", [net.x, weights, bias], "t", strides=[2, 2])
    compare(net, tmp_path, net.quantized("t", 0.1, 0), 0.1)

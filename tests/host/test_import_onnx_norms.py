"""Normalisations by mean and variance: the rule of float islands, ONNX Runtime within one step."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

SCALE, ZERO = 0.0371, -7
EPSILON = 1e-5


def numbers(*shape, low=0.5, high=1.5):
    return np.random.default_rng(SEED).uniform(low, high, shape).astype(np.float32)


def normalised(x, axes, scale, bias):
    """The definition, in float64."""
    mean = x.mean(axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + np.float64(np.float32(EPSILON))) * scale + bias


def check(net, formula, *, opset):
    """Weft rounds the formula once; the runtime is one step away at most, in few places."""
    step = (0.0217, 3)
    y = net.quantized("y", *step)
    data = net.bytes(y, opset=opset)
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    assert graph.islands
    integers = np.random.default_rng(SEED).integers(-128, 128, net.shape)
    real = np.float64(np.float32(SCALE)) * (integers - ZERO)
    expected = np.clip(
        np.rint(formula(real) / np.float64(np.float32(step[0]))) + step[1], -128, 127
    )
    got = reference.run(graph, {"x": real.astype(np.float32)})[graph.outputs[0]]
    steps = np.rint(got / np.float32(step[0])) + step[1]
    np.testing.assert_array_equal(steps, expected)
    different, count = net.difference(
        y, opset=opset, x=real.astype(np.float32), within=step[0] * 1.01
    )
    assert different <= 0.01 * count


def network(shape):
    return Net(shape, scale=SCALE, zero_point=ZERO)


@pytest.mark.parametrize("shape, axis", [((2, 6, 16), -1), ((2, 6, 5, 4), 1), ((2, 6, 5, 4), 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_layer_normalisation(shape, axis, bias):
    net, inner = network(shape), shape[axis:] if axis > 0 else shape[-1:]
    scale, offset = numbers(*inner), numbers(*inner, low=-1, high=1)
    inputs = [net.x, net.constant("scale", scale)]
    inputs += [net.constant("bias", offset)] if bias else []
    net.node("LayerNormalization", inputs, "y", axis=axis, epsilon=EPSILON)
    axes = tuple(range(len(shape) - len(inner), len(shape)))
    check(net, lambda x: normalised(x, axes, scale, offset if bias else 0), opset=17)


@pytest.mark.parametrize("shape", [(2, 6, 9, 7), (1, 6, 20)])
def test_instance_normalisation(shape):
    net, column = network(shape), (6, *(1,) * (len(shape) - 2))
    scale, offset = numbers(6), numbers(6, low=-1, high=1)
    inputs = [net.x, net.constant("scale", scale), net.constant("bias", offset)]
    net.node("InstanceNormalization", inputs, "y", epsilon=EPSILON)
    axes = tuple(range(2, len(shape)))
    parameters = scale.reshape(column), offset.reshape(column)
    check(net, lambda x: normalised(x, axes, *parameters), opset=17)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_normalisation(groups):
    """Of opset 21, where each channel has a number of its own."""
    net = network((2, 6, 5, 4))
    scale, offset = numbers(6), numbers(6, low=-1, high=1)
    inputs = [net.x, net.constant("scale", scale), net.constant("bias", offset)]
    net.node("GroupNormalization", inputs, "y", num_groups=groups, epsilon=EPSILON)

    def formula(x):
        parts = normalised(x.reshape(2, groups, -1), (2,), 1, 0).reshape(x.shape)
        return parts * scale.reshape(6, 1, 1) + offset.reshape(6, 1, 1)

    check(net, formula, opset=21)


def test_a_quantised_scale():
    net = network((1, 6, 9, 7))
    steps = np.arange(40, 100, 10, dtype=np.int8)
    inputs = [
        net.x,
        net.weights("scale", steps, 0.01),
        net.constant("bias", np.zeros(6, np.float32)),
    ]
    net.node("InstanceNormalization", inputs, "y", epsilon=EPSILON)
    scale = (np.float64(np.float32(0.01)) * steps).reshape(6, 1, 1)
    check(net, lambda x: normalised(x, (2, 3), scale, 0), opset=17)


def test_layer_normalisation_as_exporters_wrote_it_before_it_was_an_operator():
    """Nine operators, none of which is quantised; the runtime makes one of them."""
    net = network((2, 6, 16))
    scale, offset = numbers(16), numbers(16, low=-1, high=1)
    net.node("ReduceMean", [net.x], "mean", axes=[-1])
    net.node("Sub", [net.x, "mean"], "centred")
    net.node("Pow", ["centred", net.constant("two", np.float32(2))], "square")
    net.node("ReduceMean", ["square"], "variance", axes=[-1])
    net.node("Add", ["variance", net.constant("epsilon", np.float32(EPSILON))], "wide")
    net.node("Div", ["centred", net.node("Sqrt", ["wide"], "spread")], "one")
    net.node("Mul", ["one", net.constant("scale", scale)], "scaled")
    net.node("Add", ["scaled", net.constant("bias", offset)], "y")
    check(net, lambda x: normalised(x, (2,), scale, offset), opset=13)


@pytest.mark.parametrize(
    "operator, attributes, size, opset, message",
    [
        ("LayerNormalization", {"axis": 4}, 4, 17, "from axis 4"),
        ("LayerNormalization", {}, 5, 17, "must be constants of"),
        ("LayerNormalization", {"stash_type": 0}, 4, 17, "attribute stash_type = 0"),
        ("GroupNormalization", {"num_groups": 4}, 6, 21, "in 4 groups is not possible"),
    ],
)
def test_what_does_not_fit_is_refused(operator, attributes, size, opset, message):
    net = network((2, 6, 5, 4))
    inputs = [net.x, net.constant("scale", numbers(size)), net.constant("bias", numbers(size))]
    net.node(operator, inputs, "y", **attributes)
    with pytest.raises(ModelError, match=message):
        import_onnx(
            net.bytes(net.quantized("y", 0.1, 0), opset=opset), "m", "onnxruntime", source="m"
        )

"""Functions of one tensor: every entry of every table, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from weft.golden import arithmetic as golden

pytest.importorskip("onnxruntime")

import onnxruntime
from networks.onnx_net import Net, every_value, exact

UNARY = {
    "Sigmoid": {},
    "Tanh": {},
    "LeakyRelu": {"alpha": 0.1},
    "Relu": {},
    "HardSwish": {},
    "HardSigmoid": {"alpha": 0.3},
    "Gelu": {},
    "Erf": {},
    "Exp": {},
    "Abs": {},
    "Neg": {},
    "Floor": {},
    "Softsign": {},
    "Elu": {},
    "Selu": {},
    "Celu": {"alpha": 2.0},
    "Softplus": {},
    "Mish": {},
}


def one_function(seed: int, unsigned: bool) -> Net:
    rng = np.random.default_rng(seed)
    scale = float(np.float32(np.exp(rng.normal(-3, 1))))
    zero_point = int(rng.integers(-128, 128))
    return Net((1, 1, 1, 256), unsigned=unsigned, scale=scale, zero_point=zero_point)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("operator", UNARY)
def test_every_value(operator, unsigned):
    for seed in range(20):
        net = one_function(seed, unsigned)
        net.node(operator, [net.x], "y", **UNARY[operator])
        small = operator in ("Sigmoid", "Tanh", "HardSigmoid", "Erf", "Softsign")
        scale = 1 / 127 if small else net.scale * 0.8
        exact(net, "y", scale, -9, x=every_value(net))


@pytest.mark.parametrize("unsigned", [False, True])
def test_another_scale(unsigned):
    """Behind a pool the runtime goes from one quantisation to the next by way of real numbers."""
    for seed in range(60):
        net = one_function(seed, unsigned)
        net.node("MaxPool", [net.x], "y", kernel_shape=[1, 1])
        factor = (0.5, 1.5, 2.0, 3.0, 0.77)[seed % 5]
        exact(net, "y", net.scale * factor, seed, x=every_value(net))


@pytest.mark.parametrize("unsigned", [False, True])
def test_tanh_approximation_of_gelu(unsigned):
    for seed in range(20):
        net = one_function(seed, unsigned)
        net.node("Gelu", [net.x], "y", approximate="tanh")
        exact(net, "y", net.scale * 0.7, 4, x=every_value(net))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow"])
def test_arithmetic_with_a_number(operator):
    for seed in range(10):
        net = one_function(seed, False)
        number = net.constant("c", np.float32(2.0 if operator == "Pow" else 0.37))
        net.node(operator, [net.x, number], "y")
        exact(net, "y", net.scale * 1.3, 4, x=every_value(net))


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul", "Div", "PRelu", "Max"])
@pytest.mark.parametrize(
    ("image", "shape"),
    [
        ((1, 3, 16, 16), (3, 1, 1)),
        ((2, 3, 8, 8), (1, 3, 1, 1)),
        ((1, 3, 256), (3, 1)),
        ((1, 7), (7,)),
        ((1, 7), (1, 7)),
    ],
)
def test_arithmetic_with_a_number_for_each_channel(operator, image, shape):
    rng = np.random.default_rng(7)
    net = Net(image, scale=0.04, zero_point=9)
    numbers = net.constant("c", rng.uniform(-2, 2, shape).astype(np.float32))
    net.node(operator, [net.x, numbers], "y")
    exact(net, "y", 0.07, 4)


def test_quantised_slopes_for_each_channel():
    rng = np.random.default_rng(8)
    net = Net((1, 6, 9, 9))
    slopes = net.weights("s", rng.integers(-128, 128, (6, 1, 1)).astype(np.int8))
    net.node("PRelu", [net.x, slopes], "y")
    exact(net, "y", 0.02, 4)


def test_several_functions_become_one_table():
    """GELU as PyTorch exports it below opset 20, with nothing quantised in between."""
    for seed in range(10):
        net = one_function(seed, False)
        net.node("Div", [net.x, net.constant("root", np.float32(np.sqrt(2)))], "d")
        net.node("Erf", ["d"], "e")
        net.node("Add", ["e", net.constant("one", np.float32(1))], "a")
        net.node("Mul", [net.x, "a"], "m")
        net.node("Mul", ["m", net.constant("half", np.float32(0.5))], "y")
        exact(net, "y", net.scale * 0.9, x=every_value(net), opset=17)


@pytest.mark.parametrize(
    ("operator", "function", "most"),
    [
        ("Erf", golden.erf_mlas, 0),
        ("Tanh", golden.tanh_mlas, 0),
        ("Exp", golden.exp_mlas, 0),
        ("Sigmoid", golden.logistic_mlas, 0),
        ("Gelu", lambda x: golden.gelu_mlas(x, approximate=False), 0),
        ("Elu", lambda x: golden.elu_eigen(x, 1.0), 0.003),
    ],
)
def test_real_numbers_are_the_runtime_s(operator, function, most):
    """Before quantisation: the very float32, but for ELU's in three of a thousand."""
    x = np.linspace(-20, 20, 100_003, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = np.asarray(session.run(None, {"x": x})[0])
    assert np.count_nonzero(function(x) != expected) <= most * len(x)

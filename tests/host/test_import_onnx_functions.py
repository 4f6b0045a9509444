"""Functions of one tensor: every entry of every table, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.golden.arithmetic import (
    APPROXIMATE,
    CONDITIONS,
    FLOAT32_FUNCTIONS,
    FUNCTION_OPERANDS,
)
from weft.importers.onnx.file import import_onnx

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
    "Round": {},
    "Sign": {},
    "ThresholdedRelu": {"alpha": 0.3},
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


@pytest.mark.parametrize("operator", ["Elu", "Selu", "Celu"])
def test_numbers_of_which_the_place_decides_are_refused(operator):
    """exp(-83 * 2**-25) is 41.5 steps below 1: the runtime takes 42, of the last values 41."""
    net = Net((1, 19), scale=2.0**-25, zero_point=-45)
    net.node(operator, [net.x], "y")
    with pytest.raises(ModelError, match="of numbers so small"):
        import_onnx(net.bytes(net.quantized("y", 5e-8, 63)), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("operator", ["Elu", "Selu", "Celu"])
def test_numbers_too_small_for_float32_are_refused_in_an_island_too(operator):
    """exp(x) - 1 moves by 2**-24 at a time, which is 16 steps of the tensor behind it."""
    net = Net((1, 2, 1, 16), scale=2.0**-28)
    net.node("Neg", [net.x], "other")
    net.node("Concat", [net.x, net.quantized("other", 2.0**-27, 3)], "both", axis=1)
    net.node(operator, ["both"], "y")
    with pytest.raises(ModelError, match="of numbers so small"):
        import_onnx(net.bytes(net.quantized("y", 2.0**-28, 0)), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("unsigned", [False, True])
def test_every_logarithm(unsigned):
    """That of 0 is minus infinity, which is quantised to the least value."""
    for seed in range(20):
        net = one_function(seed, unsigned)
        net = Net((1, 1, 1, 256), unsigned=unsigned, scale=net.scale, zero_point=-128)
        net.node("Log", [net.x], "y")
        exact(net, "y", 0.023, seed * 11 - 100, x=every_value(net))


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


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 4.0, -1.0, -0.5, 0.33])
def test_powers(exponent):
    """Of numbers above zero: others give no number, or an infinite one."""
    for seed in range(10):
        scale = float(np.float32(np.exp(np.random.default_rng(seed).normal(-3, 1))))
        net = Net((1, 1, 1, 256), scale=scale, zero_point=-128)
        net.node("Add", [net.x, net.constant("little", np.float32(scale))], "above")
        net.node("Pow", ["above", net.constant("e", np.float32(exponent))], "y")
        exact(net, "y", (128 * scale) ** exponent / 100, -20, x=every_value(net))


@pytest.mark.parametrize("base", [2.0, 0.3])
def test_powers_of_a_number(base):
    for seed in range(10):
        net = Net((1, 1, 1, 256), scale=0.01 * (seed + 1), zero_point=seed)
        net.node("Pow", [net.constant("b", np.float32(base)), net.x], "y")
        exact(net, "y", 0.05, -100, x=every_value(net))


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("operator", ["Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"])
def test_a_choice_by_a_comparison(operator, unsigned):
    for seed in range(5):
        net = one_function(seed, unsigned)
        number = np.float32(net.scale) * np.float32(20)
        net.node(operator, [net.x, net.constant("c", number)], "chosen")
        net.node("Not", ["chosen"], "other")
        net.node("Or", ["other", net.constant("no", np.array(False))], "or")
        net.node("And", ["or", net.constant("yes", np.array(True))], "and")
        net.node("Neg", [net.x], "negative")
        net.node("Where", ["and", "negative", net.x], "y")
        exact(net, "y", net.scale * 1.2, 4, x=every_value(net))


def test_a_condition_as_a_number():
    net = one_function(3, False)
    net.node("Less", [net.x, net.constant("c", np.float32(0))], "less")
    net.node("Cast", ["less"], "number", to=TensorProto.FLOAT)
    net.node("Mul", [net.x, "number"], "y")
    exact(net, "y", net.scale, 4, x=every_value(net))


def test_a_condition_is_not_quantised():
    net = one_function(3, False)
    net.node("Less", [net.x, net.constant("c", np.float32(0))], "y")
    data = net.bytes(net.quantized("y", 0.1, 0))
    with pytest.raises(ModelError, match="of what Less makes, which is no number"):
        import_onnx(data, "m", "onnxruntime", source="m")


PLAIN = [name for name in FLOAT32_FUNCTIONS if name not in (*CONDITIONS, "Where")]
# Others have the runtime's very float32; of these so many of a thousand have another last bit.
AWAY = {
    "Celu": 2,
    "Cos": 200,
    "Elu": 2,
    "Log": 180,
    "Mish": 250,
    "Pow": 1,
    "Selu": 160,
    "Sin": 140,
    "Softplus": 330,
}


def test_the_approximate_ones_are_known():
    assert {*AWAY} == {*APPROXIMATE}


@pytest.mark.parametrize("operator", PLAIN)
def test_real_numbers_are_the_runtime_s(operator):
    """Before quantisation."""
    rng = np.random.default_rng(5)
    least = FUNCTION_OPERANDS.get(operator, (1, 1))[0]
    count = 3 if operator in ("Max", "Mean", "Min", "Sum") else least
    numbers = [(4 * rng.normal(size=(100, 1003))).astype(np.float32) for _ in range(count)]
    if operator in ("Log", "Pow", "Sqrt"):
        numbers[0] = np.abs(numbers[0])
    names = [f"x{i}" for i in range(count)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ["y"])],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, numbers[0].shape) for n in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = dict(zip(names, numbers, strict=True))
    expected = np.asarray(session.run(None, feeds)[0])
    got = FLOAT32_FUNCTIONS[operator]({}, numbers)
    assert got.dtype == np.float32
    different = int(np.count_nonzero(got != expected))
    assert different <= AWAY.get(operator, 0) * got.size / 1000
    assert (different > 0) is (operator in AWAY)


def test_tanh_approximation_of_gelu_in_real_numbers():
    x = np.linspace(-20, 20, 100_003, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Gelu", ["x"], ["y"], approximate="tanh")],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    expected = np.asarray(session.run(None, {"x": x})[0])
    assert np.array_equal(golden.gelu_mlas(x, approximate=True), expected)


@pytest.mark.parametrize("operator", ["Add", "Max"])
def test_a_constant_of_more_dimensions_than_the_tensor(operator):
    net = Net((12,), scale=0.03)
    net.node(operator, [net.x, net.constant("c", np.full((1, 1), 0.2, np.float32))], "y")
    exact(net, "y")

"""Single ONNX operators between quantised tensors, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from weft import reference
from weft.importers.onnx import import_onnx

pytest.importorskip("onnxruntime")

from networks.ort import ort_session, run_ort

SEED = 21


class Net:
    """A QDQ model of one operator: float32 edges, int8 or uint8 in between."""

    def __init__(self, shape, *, unsigned=False, scale=0.03, zero_point=-7):
        self.unsigned = unsigned
        self.nodes, self.tensors = [], []
        self.shape, self.scale, self.zero_point = shape, scale, zero_point
        self.x = self.quantized("x", scale, zero_point)

    def constant(self, name, data):
        self.tensors.append(numpy_helper.from_array(np.array(data, order="C"), name))
        return name

    def node(self, operator, inputs, output, **attributes):
        domain = attributes.pop("domain", "")
        self.nodes.append(
            helper.make_node(operator, inputs, [output], name=output, domain=domain, **attributes)
        )
        return output

    def quantized(self, name, scale, zero_point):
        dtype = np.uint8 if self.unsigned else np.int8
        zero_point += 128 if self.unsigned else 0
        parameters = [
            self.constant(f"{name}.s", np.float32(scale)),
            self.constant(f"{name}.z", np.array(zero_point, dtype)),
        ]
        self.node("QuantizeLinear", [name, *parameters], f"{name}.q")
        return self.node("DequantizeLinear", [f"{name}.q", *parameters], f"{name}.f")

    def weights(self, name, data, scale=0.01):
        parameters = [
            self.constant(f"{name}.s", np.float32(scale)),
            self.constant(f"{name}.z", np.array(0, data.dtype)),
        ]
        values = self.constant(name, data)
        return self.node("DequantizeLinear", [values, *parameters], f"{name}.f")

    def bytes(self, output, kind=TensorProto.FLOAT, opset=20):
        graph = helper.make_graph(
            self.nodes, "one",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(output, kind, None)], self.tensors,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()

    def difference(self, output, kind=TensorProto.FLOAT, opset=20, x=None):
        """Return how many outputs differ from ONNX Runtime's, and of how many."""
        data = self.bytes(output, kind, opset)
        graph = import_onnx(data, "one", "onnxruntime", source="one")
        session, names = ort_session(data)
        if x is None:
            rng = np.random.default_rng(SEED)
            low, high = (-128 - self.zero_point) * self.scale, (127 - self.zero_point) * self.scale
            x = np.asarray(rng.uniform(low, high, self.shape), np.float32)
        expected = run_ort(session, x)[names[0]]
        actual = reference.run(graph, {graph.inputs[0]: x})[graph.outputs[0]]
        assert actual.shape == expected.shape and actual.dtype == expected.dtype
        return int(np.count_nonzero(actual != expected)), expected.size


def every_value(net: Net) -> np.ndarray:
    values = np.arange(-128, 128, dtype=np.float32) - np.float32(net.zero_point)
    return np.multiply(values, np.float32(net.scale)).reshape(net.shape)


def exact(net: Net, name: str, scale=0.05, zero_point=11, **arguments) -> None:
    assert net.difference(net.quantized(name, scale, zero_point), **arguments)[0] == 0


IMAGE = (1, 6, 9, 7)


def pass_through(net: Net, name: str, **arguments) -> None:
    exact(net, name, net.scale, net.zero_point, **arguments)


@pytest.mark.parametrize("attributes", [
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    {"auto_pad": "SAME_LOWER", "strides": [2, 3]},
    {"auto_pad": "VALID"},
    {"pads": [0, 1, 2, 0], "dilations": [2, 1]},
])  # fmt: skip
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
@pytest.mark.parametrize("attributes", [
    {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1},
    {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]},
    {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]},
])  # fmt: skip
def test_pools(operator, attributes):
    net = Net(IMAGE)
    net.node(operator, [net.x], "y", **attributes)
    pass_through(net, "y", opset=17)


def test_average_pool_that_counts_padding():
    net = Net(IMAGE)
    net.node("AveragePool", [net.x], "y", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    pass_through(net, "y", opset=17)


@pytest.mark.parametrize("trans", [0, 1])
def test_gemm_and_matmul(trans):
    rng = np.random.default_rng(SEED)
    weights = rng.integers(-127, 128, (5, 12) if trans else (12, 5)).astype(np.int8)
    net = Net((3, 12))
    net.node("Gemm", [net.x, net.weights("w", weights)], "y", transB=trans)
    exact(net, "y", 0.1)
    if not trans:
        net = Net((3, 12))
        net.node("MatMul", [net.x, net.weights("w", weights)], "y")
        exact(net, "y", 0.1)


def test_flatten_before_gemm_reorders_the_weights():
    rng = np.random.default_rng(SEED)
    net = Net((1, 3, 5, 4))
    kernel = rng.integers(-127, 128, (7, 3, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("k", kernel)], "c", pads=[1] * 4)
    image = net.quantized("c", 0.1, 3)
    net.node("Reshape", [image, net.constant("shape", np.array([0, -1], np.int64))], "r")
    flat = net.quantized("r", 0.1, 3)
    weights = rng.integers(-127, 128, (6, 140)).astype(np.int8)
    net.node("Gemm", [flat, net.weights("w", weights)], "y", transB=1)
    exact(net, "y", 0.3)


MOVES = {
    "Reshape": (IMAGE, [1, 9, -1, 2], {}),
    "Squeeze": ((1, 6, 1, 7), [2], {}),
    "Unsqueeze": (IMAGE, [1], {}),
    "Transpose": (IMAGE, None, {"perm": [0, 2, 1, 3]}),
    "Identity": (IMAGE, None, {}),
}


@pytest.mark.parametrize("case", MOVES)
def test_moves(case):
    shape, operand, attributes = MOVES[case]
    net = Net(shape)
    inputs = [net.x]
    if operand is not None:
        inputs.append(net.constant("i", np.array(operand, np.int64)))
    net.node(case, inputs, "y", **attributes)
    pass_through(net, "y")


@pytest.mark.parametrize("mode", ["asymmetric", "half_pixel"])
def test_resize(mode):
    net = Net(IMAGE)
    scales = net.constant("s", np.array([1, 1, 2, 3], np.float32))
    nearest = "floor" if mode == "asymmetric" else "round_prefer_floor"
    net.node("Resize", [net.x, "", scales], "y", mode="nearest", nearest_mode=nearest,
             coordinate_transformation_mode=mode)  # fmt: skip
    pass_through(net, "y")


def test_pad():
    net = Net(IMAGE)
    pads = net.constant("p", np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64))
    net.node("Pad", [net.x, pads], "y")
    pass_through(net, "y")


@pytest.mark.parametrize("keepdims", [0, 1])
def test_arg_max(keepdims):
    net = Net((4, 12))
    net.node("ArgMax", [net.x], "y", axis=1, keepdims=keepdims)
    assert net.difference("y", TensorProto.INT64)[0] == 0


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_concatenation_of_different_scales(axis):
    net = Net(IMAGE)
    net.node("LeakyRelu", [net.x], "l", alpha=0.3)
    other = net.quantized("l", 0.011, 40)
    net.node("Concat", [net.x, other], "y", axis=axis)
    exact(net, "y", 0.04, 3)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_every_value_of_sigmoid_and_leaky_relu(unsigned, seed):
    rng = np.random.default_rng(seed)
    scale = float(np.float32(np.exp(rng.normal(-3, 1))))
    zero_point = int(rng.integers(-128, 128))
    for operator, out in (("Sigmoid", 1 / 255), ("LeakyRelu", scale * 0.9)):
        net = Net((1, 1, 1, 256), unsigned=unsigned, scale=scale, zero_point=zero_point)
        net.node(operator, [net.x], "y")
        exact(net, "y", out, -128 if operator == "Sigmoid" else 5, x=every_value(net))


@pytest.mark.parametrize("operator", ["Tanh", "Elu", "HardSwish", "Gelu", "Relu"])
def test_float_activations_differ_in_ties_at_most(operator):
    # ONNX Runtime computes these in float32; what it rounds at a tie depends on its polynomials.
    different, total = 0, 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scale = float(np.float32(np.exp(rng.normal(-3, 1))))
        net = Net((1, 1, 1, 256), scale=scale, zero_point=int(rng.integers(-128, 128)))
        net.node(operator, [net.x], "y")
        out = 1 / 127 if operator == "Tanh" else scale * 0.8
        count, size = net.difference(net.quantized("y", out, 0), x=every_value(net))
        different, total = different + count, total + size
    print(f"{operator}: {different} of {total} differ")
    assert different <= 2


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


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("shape", [(1, 6, 1, 1), (6, 1, 1), (1,), (1, 1, 9, 7), (7,)])
def test_constants_of_every_shape(operator, shape):
    net = Net(IMAGE)
    constant = np.random.default_rng(SEED).integers(-128, 128, shape).astype(np.int8)
    net.node(operator, [net.x, net.weights("w", constant, 0.017)], "y")
    exact(net, "y")


def test_integer_edges():
    net = Net((1, 12))
    weights = np.random.default_rng(SEED).integers(-127, 128, (12, 5)).astype(np.int8)
    net.node("MatMul", [net.x, net.weights("w", weights)], "y")
    net.quantized("y", 0.1, 5)
    assert net.difference("y.q", TensorProto.INT8)[0] == 0

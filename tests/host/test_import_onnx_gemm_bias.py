"""A Gemm whose bias has a scale of its own, against ONNX Runtime, whatever reads its result.

The runtime adds the integers of the bias, or the real numbers that they express. Here those are
ten times apart.
"""

import numpy as np
import onnx
import pytest
import weft
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")

from networks.ort import open_ort

ROWS, DEPTH, OUTPUTS = 5, 32, 12
STEP = 1 / 64
SHAPE = np.array([-1, 3, 4], np.int64)

# What stands between Gemm and QuantizeLinear: operators with their constants, one behind the other.
TAILS = {
    "nothing": [],
    "softmax": [("Softmax",)],
    "sigmoid": [("Sigmoid",)],
    "leaky": [("LeakyRelu",)],
    "product": [("Mul", np.float32(0.7))],
    "relu": [("Relu",)],
    "clip": [("Clip", np.float32(-1), np.float32(1))],
    "reshape": [("Reshape", SHAPE)],
    "flatten": [("Flatten",)],
    "relu, softmax": [("Relu",), ("Softmax",)],
    "clip, softmax": [("Clip", np.float32(-1), np.float32(1)), ("Softmax",)],
    "clip, reshape": [("Clip", np.float32(-1), np.float32(1)), ("Reshape", SHAPE)],
    "reshape, relu": [("Reshape", SHAPE), ("Relu",)],
    "reshape, softmax": [("Reshape", SHAPE), ("Softmax",)],
}
KINDS = [("uint8", "uint8"), ("uint8", "int8"), ("int8", "int8"), ("int8", "uint8")]


def gemm(kinds, tails, *, moved=False):
    """Return a model with one output for each of ``tails``, all of which read the Gemm."""
    rng = np.random.default_rng(5)
    nodes, constants = [], {}
    kind, weights_kind = kinds

    def constant(name, value):
        constants[name] = value
        return name

    def pair(x, name, scale, zero):
        names = [constant(f"{name}.s", np.float32(scale)), constant(f"{name}.z", zero)]
        nodes.append(helper.make_node("QuantizeLinear", [x, *names], [f"{name}.q"]))
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}.q", *names], [name]))

    def dequantised(name, values, scale, zero):
        names = [constant(name, values), constant(f"{name}.s", scale), constant(f"{name}.z", zero)]
        nodes.append(helper.make_node("DequantizeLinear", names, [f"{name}.f"]))
        return f"{name}.f"

    pair("x", "image", 0.03, np.array(5 if kind == "int8" else 120, kind))
    image, depth = "image", DEPTH
    if moved:
        nodes.append(helper.make_node("Concat", ["image", "image"], ["moved"], axis=1))
        image, depth = "moved", 2 * DEPTH
    middle = 128 if weights_kind == "uint8" else 0
    weights = (rng.integers(-100, 100, (OUTPUTS, depth)) + middle).astype(weights_kind)
    bias = rng.integers(-3000, 3000, OUTPUTS).astype(np.int32)
    operands = [
        image,
        dequantised("weights", weights, np.float32(0.01), np.array(middle, weights_kind)),
        dequantised("bias", bias, np.float32(0.003), np.int32(0)),
    ]
    nodes.append(helper.make_node("Gemm", operands, ["sum"], transB=1))
    outputs = []
    for index, tail in enumerate(tails):
        value = "sum"
        for place, (operator, *rest) in enumerate(tail):
            result = f"t{index}.{place}"
            others = [constant(f"{result}.{i}", r) for i, r in enumerate(rest)]
            nodes.append(helper.make_node(operator, [value, *others], [result]))
            value = result
        pair(value, f"y{index}", STEP, np.array(0, kind) if kind == "int8" else np.uint8(128))
        outputs.append(helper.make_tensor_value_info(f"y{index}", onnx.TensorProto.FLOAT, None))
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [ROWS, DEPTH])
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "gemm", [x], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def compare(data):
    """Hold every output to the runtime's: one step away at most where it computes in float."""
    x = np.random.default_rng(9).normal(0, 2, (ROWS, DEPTH)).astype(np.float32)
    expected = open_ort(data).run(None, {"x": x})
    with weft.InferenceSession(data, device="golden") as session:
        for got, right in zip(session.run(None, {"x": x}), expected, strict=True):
            steps = np.rint((got - right) / STEP)
            assert abs(steps).max() <= 1
            assert np.count_nonzero(steps) <= 0.05 * steps.size


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tail", TAILS)
def test_one_reader(tail, kinds):
    compare(gemm(kinds, [TAILS[tail]]))


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tails", [("relu", "sigmoid"), ("nothing", "softmax")], ids=" and ".join)
def test_two_readers(tails, kinds):
    compare(gemm(kinds, [TAILS[tail] for tail in tails]))


@pytest.mark.parametrize("tail", ["nothing", "softmax"])
def test_an_image_that_was_moved(tail):
    compare(gemm(("uint8", "int8"), [TAILS[tail]], moved=True))

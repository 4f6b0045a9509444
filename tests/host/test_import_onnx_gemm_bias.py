"""A Gemm whose bias has a scale of its own, against ONNX Runtime, whatever reads its result.

The runtime adds the integers of the bias, or the real numbers that they express. Here those are
ten times apart. It makes a Gemm of MatMul and Add as well, with a Reshape on both sides where the
image has one dimension or three, all of them known. Gemm has an integer kernel where both operands
come with a zero point.
"""

import numpy as np
import onnx
import pytest
import weft
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")

from networks.ort import open_ort

ROWS, DEPTH, OUTPUTS = 5, 32, 12
FORMS = {
    "Gemm": (ROWS, DEPTH),
    "MatMul": (ROWS, DEPTH),
    "MatMul of 1": (DEPTH,),
    "MatMul of 3": (2, ROWS, DEPTH),
}
STEP = 1 / 64
SHAPE = np.array([-1, 6, 2], np.int64)

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


def gemm(
    kinds,
    tails,
    *,
    form="Gemm",
    moved=False,
    bias_shape=(OUTPUTS,),
    bare="",
    count=None,
    between=(),
    shown=(),
):
    """Return a model with one output for each of ``tails``, all of which read the sum.

    ``between`` names operators behind the sum that all tails read, ``shown`` tensors that are
    outputs as well, as ``Relu``. ``bare`` names the operand whose DequantizeLinear has no zero
    point; ``count`` is the name of an open first dimension.
    """
    rng = np.random.default_rng(5)
    nodes, constants = [], {}
    kind, weights_kind = kinds

    def constant(name, value):
        constants[name] = value
        return name

    def pair(x, name, scale, zero):
        names = [constant(f"{name}.s", np.float32(scale)), constant(f"{name}.z", zero)]
        nodes.append(helper.make_node("QuantizeLinear", [x, *names], [f"{name}.q"]))
        names = names[:1] if name == bare else names
        nodes.append(helper.make_node("DequantizeLinear", [f"{name}.q", *names], [name]))

    def dequantised(name, values, scale, zero):
        names = [constant(name, values), constant(f"{name}.s", scale), constant(f"{name}.z", zero)]
        names = names[:2] if name == bare else names
        nodes.append(helper.make_node("DequantizeLinear", names, [f"{name}.f"]))
        return f"{name}.f"

    zero = 0 if bare == "image" else 5 if kind == "int8" else 120
    pair("x", "image", 0.03, np.array(zero, kind))
    image, depth = "image", DEPTH
    if moved:
        nodes.append(helper.make_node("Concat", ["image", "image"], ["moved"], axis=-1))
        image, depth = "moved", 2 * DEPTH
    middle = 128 if weights_kind == "uint8" and bare != "weights" else 0
    # With 7 bits the runtime saturates nowhere, whatever the CPU.
    weights = rng.integers(-63, 64, (OUTPUTS, depth)) + middle
    weights = weights.clip(0 if weights_kind == "uint8" else -128).astype(weights_kind)
    if form != "Gemm":
        weights = weights.T.copy()
    bias = rng.integers(-3000, 3000, bias_shape).astype(np.int32)
    matrix = dequantised("weights", weights, np.float32(0.01), np.array(middle, weights_kind))
    added = dequantised("bias", bias, np.float32(0.003), np.int32(0))
    if form == "Gemm":
        nodes.append(helper.make_node("Gemm", [image, matrix, added], ["sum"], transB=1))
    else:
        nodes.append(helper.make_node("MatMul", [image, matrix], ["product"]))
        nodes.append(helper.make_node("Add", ["product", added], ["sum"]))
    first = "sum"
    for operator in between:
        nodes.append(helper.make_node(operator, [first], [operator]))
        first = operator
    outputs = []
    for index, tail in enumerate(tails):
        value = first
        for place, (operator, *rest) in enumerate(tail):
            result = f"t{index}.{place}"
            others = [constant(f"{result}.{i}", r) for i, r in enumerate(rest)]
            nodes.append(helper.make_node(operator, [value, *others], [result]))
            value = result
        pair(value, f"y{index}", STEP, np.array(0, kind) if kind == "int8" else np.uint8(128))
        outputs.append(helper.make_tensor_value_info(f"y{index}", onnx.TensorProto.FLOAT, None))
    float32 = onnx.TensorProto.FLOAT
    outputs += [helper.make_tensor_value_info(name, float32, None) for name in shown]
    shape = FORMS[form] if count is None else (count, *FORMS[form][1:])
    x = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)
    initializers = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()]
    graph = helper.make_graph(nodes, "gemm", [x], outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def compare(data, images=2):
    """Hold every output to the runtime's: one step away at most where it computes in float."""
    runtime = open_ort(data)
    shape = [size if isinstance(size, int) else images for size in runtime.get_inputs()[0].shape]
    x = np.random.default_rng(9).normal(0, 2, shape).astype(np.float32)
    expected = runtime.run(None, {"x": x})
    with weft.InferenceSession(data, device="golden") as session:
        for got, right in zip(session.run(None, {"x": x}), expected, strict=True):
            steps = np.rint((got - right) / STEP)
            assert abs(steps).max() <= 1
            assert np.count_nonzero(steps) <= 0.05 * steps.size


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("form", FORMS)
def test_one_reader(form, tail, kinds):
    compare(gemm(kinds, [TAILS[tail]], form=form))


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tails", [("relu", "sigmoid"), ("nothing", "softmax")], ids=" and ".join)
@pytest.mark.parametrize("form", FORMS)
def test_two_readers(form, tails, kinds):
    compare(gemm(kinds, [TAILS[tail] for tail in tails], form=form))


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tails", [("nothing", "nothing"), ("nothing", "softmax")], ids=str)
@pytest.mark.parametrize("between", [("Relu",), ("Identity", "Relu")], ids="-".join)
@pytest.mark.parametrize("form", FORMS)
def test_a_clamp_with_two_readers(form, between, tails, kinds):
    compare(gemm(kinds, [TAILS[tail] for tail in tails], form=form, between=between))


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tails", [(), ("nothing",)], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_a_clamp_that_is_an_output(form, tails, kinds):
    tails = [TAILS[tail] for tail in tails]
    compare(gemm(kinds, tails, form=form, between=["Relu"], shown=["Relu"]))


@pytest.mark.parametrize("tail", ["nothing", "softmax"])
def test_an_image_that_was_moved(tail):
    compare(gemm(("uint8", "int8"), [TAILS[tail]], moved=True))


@pytest.mark.parametrize(
    ("form", "shape"),
    [
        ("MatMul", (1, OUTPUTS)),
        ("MatMul", (1,)),
        ("MatMul of 3", (1, OUTPUTS)),
        ("MatMul of 3", (1, 1, OUTPUTS)),
        ("MatMul of 3", (1,)),
    ],
    ids=str,
)
def test_other_shapes_that_are_added(form, shape):
    compare(gemm(("uint8", "int8"), [[]], form=form, bias_shape=shape))


def test_a_number_for_each_value():
    data = gemm(("uint8", "int8"), [[]], form="MatMul", bias_shape=(ROWS, OUTPUTS))
    with pytest.raises(weft.ModelError, match=r"a bias of shape \(5, 12\), a number for each"):
        weft.InferenceSession(data, device="golden")


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("bare", ["image", "weights"])
@pytest.mark.parametrize("tail", ["nothing", "softmax"])
@pytest.mark.parametrize("form", FORMS)
def test_an_operand_without_a_zero_point(form, tail, bare, kinds):
    if form[-1] in "13" and (bare, kinds[0]) == ("image", "int8"):
        return  # the runtime's Reshape takes int8 for uint8 (findings/onnxruntime-no-zero-point.sh)
    compare(gemm(kinds, [TAILS[tail]], form=form, bare=bare))


@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
@pytest.mark.parametrize("tail", ["nothing", "softmax"])
@pytest.mark.parametrize("form", [form for form in FORMS if len(FORMS[form]) > 1])
def test_an_open_number_of_images(form, tail, kinds):
    data = gemm(kinds, [TAILS[tail]], form=form, count="N")
    for images in (1, 3):
        compare(data, images)

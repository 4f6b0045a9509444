"""What depends on constants alone is computed at import, as ONNX Runtime computes it."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net, exact
from networks.ort import open_ort


def refused(data: bytes, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        import_onnx(data, "m", "onnxruntime", source="m")


def convolution(net: Net, kernel: str, name: str = "y", **attributes) -> None:
    net.node("Conv", [net.x, kernel], name, **attributes)
    exact(net, name, 0.2, opset=attributes.get("opset", 17))


def real_weights(shape) -> np.ndarray:
    """Some of which are ties when they are quantised by 0.01, others beyond int8."""
    steps = np.random.default_rng(SEED).integers(-300, 300, shape)
    return (steps / 2 * 0.01).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 5])
@pytest.mark.parametrize("clipped", [False, True])
def test_weights_quantised_by_the_graph(channels, clipped):
    net = Net(IMAGE)
    scales = np.float32(0.01) if channels == 1 else np.linspace(0.005, 0.02, 5, dtype=np.float32)
    zeros = np.zeros(np.shape(scales), np.int8)
    parameters = [net.constant("s", scales), net.constant("z", zeros)]
    net.node(
        "QuantizeLinear", [net.constant("w", real_weights((5, 6, 3, 3))), *parameters], "q", axis=0
    )
    if clipped:
        bounds = [net.constant(k, np.int8(v)) for k, v in (("low", -100), ("high", 90))]
        net.node("Clip", ["q", *bounds], "c")
    net.node("DequantizeLinear", ["c" if clipped else "q", *parameters], "d", axis=0)
    convolution(net, "d")


@pytest.mark.parametrize("operator", ["Transpose", "Reshape", "Unsqueeze", "Slice", "Gather"])
@pytest.mark.parametrize("channels", [1, 5])
def test_weights_moved_behind_their_quantisation(operator, channels):
    net = Net(IMAGE)
    rng = np.random.default_rng(SEED)
    shapes = {
        "Transpose": (6, 5, 3, 3),
        "Reshape": (5, 54),
        "Unsqueeze": (5, 6, 3),
        "Slice": (5, 9, 3, 3),
        "Gather": (5, 6, 3, 4),
    }
    operands = {
        "Transpose": [],
        "Reshape": [[5, 6, 3, 3]],
        "Unsqueeze": [[3]],
        "Slice": [[2], [8], [1]],
        "Gather": [[0, 3, 1]],
    }
    attributes = {"Transpose": {"perm": [1, 0, 2, 3]}, "Gather": {"axis": 3}}.get(operator, {})
    data = rng.integers(-127, 128, shapes[operator]).astype(np.int8)
    scales = np.float32(0.01) if channels == 1 else np.linspace(0.005, 0.02, 5, dtype=np.float32)
    axis = int(operator == "Transpose")
    net.node(
        "DequantizeLinear",
        [
            net.constant("w", data),
            net.constant("s", scales),
            net.constant("z", np.zeros(np.shape(scales), np.int8)),
        ],
        "d",
        axis=axis,
    )
    others = [
        net.constant(f"o{i}", np.array(x, np.int64)) for i, x in enumerate(operands[operator])
    ]
    net.node(operator, ["d", *others], "m", **attributes)
    convolution(net, "m")


def test_weights_computed_from_quantised_ones():
    """Twice quantised, as some exporters write it, with arithmetic in between."""
    net = Net(IMAGE)
    data = np.random.default_rng(SEED).integers(-127, 128, (5, 6, 3, 3)).astype(np.int8)
    first = net.weights("w", data, 0.013)
    net.node("Mul", [first, net.constant("f", np.float32(0.7))], "p")
    parameters = [net.constant("s2", np.float32(0.01)), net.constant("z2", np.int8(0))]
    net.node("QuantizeLinear", ["p", *parameters], "q")
    net.node("DequantizeLinear", ["q", *parameters], "d")
    convolution(net, "d")


@pytest.mark.parametrize(
    ("name", "value"), [("value_float", 0.7), ("value_floats", [0.7]), ("value", None)]
)
def test_kinds_of_constant(name, value):
    net = Net(IMAGE)
    if value is None:
        value = helper.make_tensor("v", TensorProto.FLOAT, [1], [0.7])
    net.node("Constant", [], "c", **{name: value})
    net.node("Mul", [net.x, "c"], "y")
    exact(net, "y")


def test_zero_point_of_constant_of_shape_and_cast():
    net = Net(IMAGE)
    rng = np.random.default_rng(SEED)
    kernel = net.weights("w", rng.integers(-127, 128, (5, 6, 1, 1)).astype(np.int8))
    net.node("ConstantOfShape", [net.constant("e", np.array([], np.int64))], "zf")
    net.node("Cast", ["zf"], "zi", to=TensorProto.INT32)
    bias = net.constant("b", rng.integers(-9000, 9000, 5).astype(np.int32))
    net.node(
        "DequantizeLinear",
        [bias, net.constant("bs", np.float32(0.03) * np.float32(0.01)), "zi"],
        "bf",
    )
    net.node("Conv", [net.x, kernel, "bf"], "y")
    exact(net, "y", 0.2)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize(("low", "high"), [(-20, 60), (-3, None), (None, 5)])
def test_clip_of_integers(unsigned, low, high):
    """Between QuantizeLinear and DequantizeLinear the bounds are integers, too."""
    net = Net(IMAGE, unsigned=unsigned)
    dtype, offset = (np.uint8, 128) if unsigned else (np.int8, 0)
    bounds = [
        "" if v is None else net.constant(k, np.array(v + offset, dtype))
        for k, v in (("low", low), ("high", high))
    ]
    net.node("Clip", ["x.q", *bounds], "c")
    net.node("DequantizeLinear", ["c", "x.s", "x.z"], "y")
    assert net.difference("y")[0] == 0


def test_relu_of_integers():
    net = Net(IMAGE)
    net.node("Relu", ["x.q"], "c")
    net.node("DequantizeLinear", ["c", "x.s", "x.z"], "y")
    assert net.difference("y")[0] == 0


def test_pad_of_integers_fills_with_zero():
    net = Net(IMAGE)
    net.node("Pad", ["x.q", net.constant("p", np.array([0, 0, 1, 2, 0, 1, 0, 3]))], "c")
    net.node("DequantizeLinear", ["c", "x.s", "x.z"], "y")
    assert net.difference("y")[0] == 0


def test_float_operators_of_integers_are_refused():
    net = Net(IMAGE)
    net.node("Add", ["x.q", "x.q"], "c")
    net.node("DequantizeLinear", ["c", "x.s", "x.z"], "y")
    refused(net.bytes("y"), "Add of integers is not supported")


@pytest.mark.parametrize(
    ("operator", "operands"),
    [
        ("ConstantOfShape", [np.array([1 << 20, 1 << 20])]),
        ("Expand", [np.zeros((1, 1), np.float32), np.array([1 << 20, 1 << 20])]),
        ("Tile", [np.zeros((1, 1), np.float32), np.array([1 << 20, 1 << 20])]),
        ("Pad", [np.zeros((1, 1), np.float32), np.array([0, 0, 1 << 20, 1 << 20])]),
        ("Range", [np.array(0), np.array(1 << 40), np.array(1)]),
    ],
)
def test_nothing_huge_is_computed(operator, operands):
    net = Net(IMAGE)
    names = [net.constant(f"o{i}", x) for i, x in enumerate(operands)]
    net.node(operator, names, "huge")
    net.node("Mul", [net.x, "huge"], "y")
    refused(net.bytes("y"), "too many constants|size of .* is not known")


def test_nodes_out_of_order_are_sorted():
    net = Net(IMAGE)
    net.node("Relu", [net.x], "r")
    net.quantized("r", net.scale, net.zero_point)
    net.nodes.reverse()
    assert net.difference("r.f")[0] == 0


def test_nodes_in_a_circle():
    net = Net(IMAGE)
    net.node("Add", [net.x, "b"], "a")
    net.node("Relu", ["a"], "b")
    refused(net.bytes("b"), "depends on itself")


def test_weights_beyond_every_step_are_refused():
    net = Net(IMAGE)
    parameters = [net.constant("s", np.float32(1e-30)), net.constant("z", np.int8(0))]
    net.node("QuantizeLinear", [net.constant("w", real_weights((5, 6, 1, 1))), *parameters], "q")
    net.node("DequantizeLinear", ["q", *parameters], "d")
    net.node("Conv", [net.x, "d"], "y")
    refused(net.bytes(net.quantized("y", 0.1, 0)), "out of the range")


def outputs_are_exact(data: bytes, dtype) -> None:
    session = open_ort(data)
    rng, shape = np.random.default_rng(SEED), session.get_inputs()[0].shape
    x = rng.normal(size=shape) if dtype == np.float32 else rng.integers(0, 256, shape)
    x = x.astype(np.uint8).view(np.int8) if dtype == np.int8 else x.astype(dtype)
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    found = reference.run(graph, {"x": x})
    for name, expected in zip(graph.outputs, session.run(None, {"x": x}), strict=True):
        np.testing.assert_array_equal(found[name], expected)


def test_dequantised_constant_is_an_output():
    net = Net(IMAGE)
    steps = np.random.default_rng(SEED).integers(-128, 128, (4, 5)).astype(np.int8)
    net.node("Dropout", [net.weights("w", steps, 0.3)], "y")
    net.node("Tanh", [net.x], "t")
    outputs_are_exact(net.bytes(net.quantized("t", 1 / 128, 0), "y"), np.float32)


@pytest.mark.parametrize(
    ("operator", "dtype"),
    [("Relu", np.int8), *itertools.product(["Clip", "Split", None], [np.int8, np.uint8])],
)
def test_scale_of_an_integer_input_behind_what_reads_it(operator, dtype):
    """The input itself is an output, too."""
    net = Net((1, 6, 4, 4), unsigned=dtype == np.uint8)
    del net.nodes[:]
    read = "x"
    if operator:
        bounds = [net.constant("low", dtype(3))] if operator == "Clip" else []
        options = {"axis": 1, "num_outputs": 1} if operator == "Split" else {}
        read = net.node(operator, ["x", *bounds], "m", **options)
    net.node("DequantizeLinear", [read, "x.s", "x.z"], "f")
    net.quantized(net.node("Tanh", ["f"], "t"), 1 / 128, 0)
    proto = onnx.ModelProto.FromString(net.bytes("t.f"))
    kind = TensorProto.UINT8 if net.unsigned else TensorProto.INT8
    proto.graph.input[0].type.tensor_type.elem_type = kind
    proto.graph.output.append(proto.graph.input[0])
    data = proto.SerializeToString()
    outputs_are_exact(data, dtype)

"""Single ONNX operators between quantised tensors, against ONNX Runtime."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net, every_value, exact, pass_through
from weft.errors import ModelError


@pytest.mark.parametrize("operator", ["Max", "Min"])
@pytest.mark.parametrize("numbers", [(0.5,), (0.5, 1.5), (-1.0, 0.25, -0.5)])
def test_extremes_of_any_number_of_operands(operator, numbers):
    net = Net(IMAGE)
    constants = [net.constant(f"c{i}", np.float32(x)) for i, x in enumerate(numbers)]
    net.node(operator, [net.x, *constants], "y")
    exact(net, "y", 0.03)


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


@pytest.mark.parametrize("nearest", ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
@pytest.mark.parametrize("size", [(12, 18), (13, 20), (4, 3), (1, 1)])
@pytest.mark.parametrize(
    "mode", ["asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"]
)
def test_resize(mode, size, nearest):
    """Where TFLite's rule picks other pixels, rows and columns are picked one by one."""
    net = Net(IMAGE)
    sizes = net.constant("s", np.array([*IMAGE[:2], *size]))
    net.node(
        "Resize",
        [net.x, "", "", sizes],
        "y",
        mode="nearest",
        nearest_mode=nearest,
        coordinate_transformation_mode=mode,
    )
    pass_through(net, "y")


def test_a_function_that_is_no_number_somewhere_is_refused():
    """ONNX Runtime makes two things of it, by position in the tensor."""
    net = Net(IMAGE)
    net.node("Sqrt", [net.x], "y")
    with pytest.raises(ModelError, match="Sqrt gives no number"):
        net.difference(net.quantized("y", 0.05, 3))


@pytest.mark.parametrize("island", [False, True])
@pytest.mark.parametrize("unsigned", [False, True])
def test_what_is_no_number_or_infinite(unsigned, island):
    numbers = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.3], np.float32)
    net = Net((1, 18), unsigned=unsigned)
    if island:
        real = net.node("Softplus", [net.node("Add", ["x", net.x], "sum")], "real")
        net.x = net.quantized(real, 0.05, -7)
    assert net.difference(net.x, x=np.tile(numbers, 3)[None])[0] == 0


def test_pad():
    net = Net(IMAGE)
    pads = net.constant("p", np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64))
    net.node("Pad", [net.x, pads], "y")
    pass_through(net, "y")


@pytest.mark.parametrize("step", [(0.03, -7), (0.05, 100)])
@pytest.mark.parametrize("value", [0.9, 0.0151, 1e9, -np.inf])
def test_pad_with_a_number(value, step):
    """Quantised with the result, which may have another step than the tensor."""
    net = Net(IMAGE)
    pads = net.constant("p", np.array([0, 1, 1, 2, 0, 0, 0, 3], np.int64))
    net.node("Pad", [net.x, pads, net.constant("v", np.float32(value))], "y")
    exact(net, "y", *step)


@pytest.mark.parametrize("unsigned", [False, True])
def test_pad_with_a_quantised_number(unsigned):
    net = Net(IMAGE, unsigned=unsigned)
    pads = net.constant("p", np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64))
    value = net.constant("v", np.array(100, np.uint8 if unsigned else np.int8))
    net.node("Pad", ["x.q", pads, value], "y.q")
    net.node("DequantizeLinear", ["y.q", "x.s", "x.z"], "y")
    assert net.difference("y")[0] == 0


def test_pad_before_anything_is_quantised():
    net = Net(IMAGE)
    net.nodes.clear()
    pads = net.constant("p", np.array([0, 0, 1, 2, 0, 1, 0, 3], np.int64))
    net.node("Pad", ["x", pads, net.constant("v", np.float32(0.4))], "y")
    exact(net, "y")


@pytest.mark.parametrize("axes", [[2, 3], [3, 2], [-1]])
def test_pad_of_some_axes(axes):
    net = Net(IMAGE)
    pads = net.constant("p", np.array([1, 2, 0, 3][: 2 * len(axes)], np.int64))
    net.node("Pad", [net.x, pads, "", net.constant("a", np.array(axes, np.int64))], "y")
    pass_through(net, "y")


@pytest.mark.parametrize(("axis", "sizes"), [(1, [1, 2, 3]), (1, None), (-1, [3, 4]), (2, [9, 0])])
def test_split(axis, sizes):
    net = Net(IMAGE)
    if sizes == [9, 0]:
        sizes = [4, 5]
    inputs = [net.x] + ([net.constant("s", np.array(sizes, np.int64))] if sizes else [])
    count = len(sizes) if sizes else 2
    parts = [f"part{i}" for i in range(count)]
    attributes: dict[str, Any] = {} if sizes else {"num_outputs": count}
    net.nodes.append(helper.make_node("Split", inputs, parts, axis=axis, **attributes))
    for part in parts[:-1]:
        net.quantized(part, net.scale, net.zero_point)
    exact(net, parts[-1], net.scale, net.zero_point)


@pytest.mark.parametrize(
    ("starts", "ends", "axes"),
    [
        ([1, 2], [5, 1000], [1, 2]),
        ([-3], [-1], [-1]),
        ([0, 0], [9, 4], [0, 3]),
    ],
)
@pytest.mark.parametrize("image", [False, True])
def test_slice(starts, ends, axes, image):
    """Of a tensor as it comes in, and of one whose channels are last by then."""
    net = Net(IMAGE)
    x = net.x
    if image:
        net.node("LeakyRelu", [x], "l", alpha=0.3)
        x = net.quantized("l", net.scale, net.zero_point)
    operands = [
        net.constant(n, np.array(v, np.int64)) for n, v in (("s", starts), ("e", ends), ("a", axes))
    ]
    net.node("Slice", [x, *operands], "y")
    pass_through(net, "y")


def test_shape_computed_from_the_batch():
    """What an export with an open batch writes for x.view(x.size(0), -1)."""
    net = Net(IMAGE)
    net.node("Shape", [net.x], "shape")
    net.node("Gather", ["shape", net.constant("zero", np.array(0, np.int64))], "batch", axis=0)
    net.node("Unsqueeze", ["batch", net.constant("axes", np.array([0], np.int64))], "first")
    net.node("Concat", ["first", net.constant("rest", np.array([-1], np.int64))], "target", axis=0)
    net.node("Reshape", [net.x, "target"], "y")
    pass_through(net, "y")


@pytest.mark.parametrize("unsigned", [False, True])
def test_difference(unsigned):
    net = Net(IMAGE, unsigned=unsigned)
    net.node("LeakyRelu", [net.x], "l", alpha=0.3)
    net.node("Sub", [net.quantized("l", 0.011, 40), net.x], "y")
    exact(net, "y", 0.04, 3)


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


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("shape", [(1, 6, 1, 1), (6, 1, 1), (1,), (1, 1, 9, 7), (7,)])
def test_constants_of_every_shape(operator, shape):
    net = Net(IMAGE)
    constant = np.random.default_rng(SEED).integers(-128, 128, shape).astype(np.int8)
    net.node(operator, [net.x, net.weights("w", constant, 0.017)], "y")
    exact(net, "y")


@pytest.mark.parametrize("constant_first", [False, True])
@pytest.mark.parametrize(
    ("shape", "constant_shape"),
    [
        ((1, 256), (256, 1)),
        ((1, 256, 1), (256,)),
        ((1, 1, 256, 1), (256, 1, 1)),
        ((1, 256, 1, 1), (1, 256, 1)),
    ],
)
def test_order_of_a_sum_that_repeats_an_operand(shape, constant_shape, constant_first):
    """All pairs of values; the order of ONNX Runtime's float32 sum decides some of them."""
    net = Net((1, 1, 256, 1), scale=0.5, zero_point=-41)
    net.node("Reshape", [net.x, net.constant("r", np.array(shape))], "moved")
    x = net.quantized("moved", 0.5, -41)
    values = np.arange(-128, 128).astype(np.int8).reshape(constant_shape)
    constant = net.weights("w", values, 0.7)
    net.node("Add", [constant, x] if constant_first else [x, constant], "y")
    exact(net, "y", 1, 17, x=every_value(net))


def test_integer_edges():
    net = Net((1, 12))
    weights = np.random.default_rng(SEED).integers(-127, 128, (12, 5)).astype(np.int8)
    net.node("MatMul", [net.x, net.weights("w", weights)], "y")
    net.quantized("y", 0.1, 5)
    assert net.difference("y.q", TensorProto.INT8)[0] == 0

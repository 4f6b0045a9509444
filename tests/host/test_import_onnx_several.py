"""Float functions of several quantised tensors, which Weft computes as ONNX Runtime does."""

import numpy as np
import pytest
from onnx import TensorProto

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net, exact
from networks.ort import ort_session, run_ort
from weft.compiler import compile_graph
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx
from weft.program import Program
from weft_hw.contract.config import CONFIGS

SHAPES = {
    "image": (IMAGE, IMAGE),
    "a number a channel": (IMAGE, (1, 6, 1, 1)),
    "a row": (IMAGE, (1, 1, 1, 7)),
    "sequences": ((2, 5, 12), (2, 5, 1)),
    "rows": ((3, 12), (1, 12)),
    "five dimensions": ((1, 2, 3, 4, 5), (1, 2, 1, 4, 5)),
}


def tensors(shape, other, unsigned=False):
    """Return a network with three tensors: two of ``shape``, one of shape ``other``."""
    net = Net(shape, unsigned=unsigned)
    second = net.quantized(net.node("Neg", [net.x], "n"), 0.041, 5)
    axes = [i for i, (a, b) in enumerate(zip(shape, other, strict=True)) if a != b]
    if axes:
        names = [net.x, net.constant("axes", np.array(axes))]
        net.node("ReduceMax", names, "m")
    else:
        net.node("Sigmoid", [net.x], "m")
    return net, [net.x, second, net.quantized("m", 0.0173, -60)]


def is_exact(net, name, *step, **arguments):
    """The runtime's values, none of which lies in a float island."""
    exact(net, name, *step, **arguments)
    graph = import_onnx(net.bytes(f"{name}.f"), "m", "onnxruntime", source="m")
    assert not graph.islands


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("shape, other", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("operator", ["Max", "Min", "Mean", "Sum"])
def test_of_three_tensors(operator, shape, other, unsigned):
    net, operands = tensors(shape, other, unsigned)
    net.node(operator, operands, "y")
    is_exact(net, "y", 0.05, 11)


@pytest.mark.parametrize("order", [(0, 1), (2, 0), (0, 2)])
@pytest.mark.parametrize("operator", ["Max", "Min", "Mean", "Sum", "Div", "PRelu"])
@pytest.mark.parametrize("shape, other", [SHAPES["image"], SHAPES["a number a channel"]])
def test_of_two_tensors(operator, shape, other, order):
    if operator == "PRelu" and order[0] == 2:
        order = order[::-1]  # slopes are repeated, tensors are not
    net, operands = tensors(shape, other)
    chosen = [operands[i] for i in order]
    if operator == "Div":  # by what is never zero
        net.node("Add", [chosen[1], net.constant("five", np.float32(5))], "plus")
        chosen[1] = net.quantized("plus", 0.09, -128)
        net.node("Clip", [chosen[1], net.constant("low", np.float32(0.5))], "above")
        chosen[1] = net.quantized("above", 0.09, -128)
    net.node(operator, chosen, "y")
    is_exact(net, "y", 0.05, 11)


@pytest.mark.parametrize("operator", ["Max", "Sum", "Mean"])
@pytest.mark.parametrize("quantised", [False, True])
def test_with_constants(operator, quantised):
    net, operands = tensors(IMAGE, IMAGE)
    rng = np.random.default_rng(SEED)
    if quantised:
        constant = net.weights("c", rng.integers(-127, 128, (6, 1, 1)).astype(np.int8), 0.013)
    else:
        constant = net.constant("c", rng.uniform(-2, 2, (6, 9, 1)).astype(np.float32))
    net.node(operator, [operands[0], constant, operands[2]], "y")
    is_exact(net, "y", 0.05, 11)


def test_of_one_tensor():
    net = Net(IMAGE)
    net.node("Sum", [net.node("Max", [net.node("Mean", [net.x], "a")], "b")], "y")
    is_exact(net, "y", 0.05, 11)


def test_one_after_the_other():
    """Nothing is quantised in between, and each is rounded to float32."""
    net, operands = tensors(IMAGE, (1, 6, 1, 1))
    net.node("Add", operands[:2], "a")
    net.node("Mul", ["a", operands[2]], "b")
    net.node("Sigmoid", ["b"], "c")
    net.node("Sub", ["c", operands[0]], "d")
    net.node("Relu", ["d"], "e")
    net.node("Abs", [net.node("Mean", ["e", operands[1]], "f")], "y")
    is_exact(net, "y", 0.02, -100)


@pytest.mark.parametrize("step", [(0.05, 11), (0.5, 0)], ids=str)
@pytest.mark.parametrize("shape, other", SHAPES.values(), ids=SHAPES)
def test_a_choice_by_a_constant_mask(shape, other, step):
    net, operands = tensors(shape, other)
    mask = np.random.default_rng(SEED).random(shape[1:]) < 0.5
    net.node("Where", [net.constant("mask", mask), operands[2], operands[1]], "y")
    is_exact(net, "y", *step)


def test_a_choice_between_a_tensor_and_a_number():
    net = Net((1, 4, 8, 8))
    mask = np.tri(8, dtype=bool)
    net.node("Where", [net.constant("mask", mask), net.x, net.constant("n", np.float32(-3.3))], "y")
    is_exact(net, "y", 0.03, -7)


def test_a_choice_by_another_tensor():
    net, operands = tensors(IMAGE, (1, 6, 1, 1))
    net.node("GreaterOrEqual", [operands[1], operands[2]], "greater")
    net.node("Where", ["greater", operands[0], operands[2]], "y")
    is_exact(net, "y", 0.05, 11)


def test_a_picture_that_is_normalised_in_float():
    """A number for each channel, before anything is quantised."""
    net = Net((2, 3, 8, 8))
    net.nodes.clear()
    rng = np.random.default_rng(SEED)
    means, spread = rng.uniform(0.2, 0.5, (2, 3, 1, 1)).astype(np.float32)
    net.node("Sub", ["x", net.constant("means", means)], "s")
    net.node("Div", ["s", net.constant("spread", spread)], "d")
    net.x = net.quantized("d", 0.02, 3)
    weights = rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "y")
    x = rng.random((2, 3, 8, 8)).astype(np.float32)
    is_exact(net, "y", 0.05, 11, x=x)


def test_what_is_known_approximately_is_marked():
    """One number in three of Softplus has another last bit in the runtime."""
    net, operands = tensors(IMAGE, IMAGE)
    net.node("Softplus", [operands[1]], "s")
    net.node("Mul", [operands[0], "s"], "y")
    y = net.quantized("y", 0.05, 11)
    assert net.difference(y)[0] <= 1
    graph = import_onnx(net.bytes(y), "m", "onnxruntime", source="m")
    assert graph.islands


def test_a_program_file_holds_them(tmp_path):
    """Functions, positions between pixels and the last index, between layers on the board."""
    net, operands = tensors((1, 6, 8, 8), (1, 6, 1, 1))
    net.node("Mean", operands, "mean")
    sizes = net.constant("sizes", np.array([1, 6, 16, 12]))
    net.node("Resize", [net.quantized("mean", 0.05, 11), "", "", sizes], "r", mode="linear")
    weights = np.random.default_rng(SEED).integers(-127, 128, (4, 6, 3, 3)).astype(np.int8)
    net.node("Conv", [net.quantized("r", 0.05, 3), net.weights("w", weights)], "c")
    net.node("ArgMin", [net.quantized("c", 0.2, 0)], "y", axis=1, select_last_index=1)
    graph = import_onnx(net.bytes("y", kind=TensorProto.INT64), "m", "onnxruntime", source="m")
    compile_graph(graph, CONFIGS["ulx3s-85f"]).save(tmp_path / "m.weft")
    loaded = Program.load(tmp_path / "m.weft").graph
    x = np.random.default_rng(SEED).uniform(-3, 3, (1, 6, 8, 8)).astype(np.float32)
    session, _ = ort_session(net.bytes("y", kind=TensorProto.INT64))
    for found in (graph, loaded):
        got = reference.run(found, {"x": x})[found.outputs[0]]
        np.testing.assert_array_equal(got, run_ort(session, x)["y"])


@pytest.mark.parametrize("form", ["float", "same scale", "another scale", "by channel"])
@pytest.mark.parametrize("axis", [1, 2, -1])
@pytest.mark.parametrize("shape", [(1, 5, 6), (1, 3, 4, 5)], ids=str)
@pytest.mark.parametrize("unsigned", [False, True])
def test_a_constant_joined_to_a_tensor(unsigned, shape, axis, form):
    """As the class token of a vision transformer is."""
    rng, net = np.random.default_rng(SEED), Net(shape, unsigned=unsigned)
    sizes = list(shape)
    sizes[axis] = 2
    if form == "float":
        token = net.constant("token", rng.normal(size=sizes).astype(np.float32))
    else:
        dtype = np.uint8 if unsigned else np.int8
        limits = np.iinfo(dtype)
        scales = np.float32({"same scale": net.scale, "another scale": 0.021}.get(form, 0))
        zeros = np.array(net.zero_point + 128 * unsigned, dtype)
        if form == "by channel":
            scales = rng.uniform(0.01, 0.04, sizes[1]).astype(np.float32)
            zeros = np.zeros(sizes[1], dtype)
        numbers = rng.integers(limits.min, limits.max + 1, sizes).astype(dtype)
        names = [net.constant("token", numbers), net.constant("scales", scales)]
        token = net.node("DequantizeLinear", [*names, net.constant("zeros", zeros)], "tokens")
    net.node("Concat", [token, net.x, token], "y", axis=axis)
    step = (net.scale, net.zero_point) if form == "same scale" else (0.037, 4)
    exact(net, "y", *step)

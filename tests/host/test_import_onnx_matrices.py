"""ONNX's Gemm and MatMul with several matrices, vectors, factors, against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import helper

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net, exact
from networks.ort import open_ort
from networks.qdq_group import Edge, group
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

STEP = (0.1, 3)


def weights(shape):
    # Of 7 bits: more saturate in the runtime, on a CPU without VNNI, where tensors are uint8.
    return np.random.default_rng(SEED).integers(-63, 64, shape).astype(np.int8)


def marked(net, tmp_path, *outputs):
    """Return whether Weft takes layers for float ones, and whether the runtime does."""
    data = net.bytes(*outputs, opset=17)
    open_ort(data, optimised=tmp_path / "optimised.onnx")
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    fused = any(n.op_type in ("QLinearMatMul", "QGemm", "QLinearConv") for n in nodes)
    return any(graph.in_island(node) for node in graph.nodes), not fused


FACTORS = {
    "one matrix of three": ((1, 5, 12), (1, 12, 7)),
    "one matrix of four": ((2, 3, 5, 12), (1, 1, 12, 7)),
    "a matrix each": ((4, 5, 12), (4, 12, 7)),
    "a matrix a head": ((2, 3, 5, 12), (3, 12, 7)),
    "a matrix a head of one": ((1, 3, 5, 12), (1, 3, 12, 7)),
    "heads of one tensor": ((5, 12), (3, 12, 7)),
    "heads of a repeated tensor": ((2, 1, 5, 12), (3, 12, 7)),
    "more dimensions than the tensor": ((3, 5, 12), (2, 1, 12, 7)),
    "a vector": ((2, 5, 12), (12,)),
    "a vector by a vector of rows": ((3, 12), (12,)),
}


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("shape, constant", FACTORS.values(), ids=FACTORS)
def test_matmul_by_constants_of_any_rank(shape, constant, unsigned):
    net = Net(shape, unsigned=unsigned)
    net.node("MatMul", [net.x, net.weights("w", weights(constant))], "y")
    exact(net, "y", *STEP)


LEFT = {
    "a matrix": ((12, 5), (7, 12)),
    "a matrix for several": ((3, 12, 5), (7, 12)),
    "several": ((3, 12, 5), (3, 7, 12)),
    "several for one": ((12, 5), (3, 7, 12)),
    "a vector": ((3, 12, 5), (12,)),
    "a matrix of a vector": ((12,), (7, 12)),
}


@pytest.mark.parametrize("shape, constant", LEFT.values(), ids=LEFT)
def test_matmul_of_constants_by_a_tensor(shape, constant):
    net = Net(shape)
    net.node("MatMul", [net.weights("w", weights(constant)), net.x], "y")
    exact(net, "y", *STEP)


@pytest.mark.parametrize("rank", [2, 3])
def test_scales_of_columns(rank):
    net = Net((2, 5, 12))
    scales = np.random.default_rng(SEED).uniform(0.002, 0.02, 7).astype(np.float32)
    names = [
        net.constant("w", weights((1, 12, 7)[3 - rank :])),
        net.constant("w.s", scales),
        net.constant("w.z", np.zeros(7, np.int8)),
    ]
    net.node("DequantizeLinear", names, "w.f", axis=rank - 1)
    net.node("MatMul", [net.x, "w.f"], "y")
    assert net.difference(net.quantized("y", *STEP))[0] == 0


@pytest.mark.parametrize("outputs", [7, 12])
@pytest.mark.parametrize("lead", [(), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize("left", [False, True])
def test_scales_along_every_dimension(lead, outputs, left):
    """Those of onnxruntime's quantiser run along dimension 1 of any rank; one step at most."""
    shape = (*lead, outputs, 12) if left else (*lead, 12, outputs)
    for axis in range(len(shape)):
        net = Net((*lead, 12, 5) if left else (*lead, 5, 12), scale=0.0371)
        rng = np.random.default_rng(axis)
        scales = rng.uniform(0.002, 0.02, shape[axis]).astype(np.float32)
        zeros = net.constant("w.z", np.zeros(len(scales), np.int8))
        names = [net.constant("w", weights(shape)), net.constant("w.s", scales), zeros]
        net.node("DequantizeLinear", names, "w.f", axis=axis)
        net.node("MatMul", ["w.f", net.x] if left else [net.x, "w.f"], "y")
        assert net.difference(net.quantized("y", *STEP), within=STEP[0] * 1.01)[0] <= 1


@pytest.mark.parametrize("first", ["int8", "uint8"])
@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("rank", [2, 3])
def test_types_with_an_integer_kernel(first, unsigned, left, rank, tmp_path):
    net = Net((2, 12, 12), unsigned=unsigned)
    data = weights((2, 12, 12)[3 - rank :]).astype(first)
    operands = [net.x, net.weights("w", data)]
    net.node("MatMul", operands[::-1] if left else operands, "y")
    found, expected = marked(net, tmp_path, net.quantized("y", 1.0, 3))
    # A constant of uint8 by int8 is the one of which Weft says nothing.
    assert found is expected or (left and first == "uint8" and not unsigned)


def test_a_matrix_that_does_not_fit_is_refused():
    net = Net((2, 5, 12))
    net.node("MatMul", [net.x, net.weights("w", weights((3, 12, 7)))], "y")
    with pytest.raises(ModelError, match=r"weights of shape \(3, 12, 7\) do not fit"):
        import_onnx(net.bytes(net.quantized("y", *STEP)), "m", "onnxruntime", source="m")


def gemm(net, shape=(12, 5), bias=None, **attributes):
    inputs = [net.x, net.weights("w", weights(shape))]
    if bias is not None:
        inputs.append(net.weights("b", bias.astype(np.int32), 0.01 * 0.03))
    return net.node("Gemm", inputs, "y", **attributes)


BIAS = np.array([-900, 20, 500, -7, 3000])


@pytest.mark.parametrize("bias", [None, BIAS, BIAS[:1], BIAS[None], BIAS[2]], ids=str)
@pytest.mark.parametrize("turned", [0, 1])
def test_gemm_of_a_turned_tensor(turned, bias, tmp_path):
    net = Net((12, 3) if turned else (3, 12))
    gemm(net, (5, 12), bias, transA=turned, transB=1)
    y = net.quantized("y", *STEP)
    assert net.difference(y)[0] == 0
    assert marked(net, tmp_path, y) == (False, False)


@pytest.mark.parametrize("alpha", [0.5, 0.125, 2.0])
@pytest.mark.parametrize("unsigned", [False, True])
def test_gemm_with_a_power_of_two(alpha, unsigned, tmp_path):
    net = Net((3, 12), unsigned=unsigned)
    gemm(net, alpha=alpha)
    y = net.quantized("y", *STEP)
    assert net.difference(y)[0] == 0
    assert marked(net, tmp_path, y) == (False, False)


@pytest.mark.parametrize(
    "bias, attributes",
    [
        (None, {"alpha": 0.3}),
        (None, {"alpha": -1.0}),
        (BIAS, {"alpha": 0.5}),
        (BIAS, {"beta": 0.5}),
        (BIAS[:1], {"beta": 3.0, "alpha": 1.7}),
        (BIAS, {"beta": 0.0}),
    ],
    ids=str,
)
def test_gemm_with_factors(bias, attributes):
    """Islands: real numbers, so that a value can be one step away."""
    net = Net((64, 12))
    gemm(net, bias=bias, **attributes)
    y = net.quantized("y", *STEP)
    assert net.difference(y)[0] <= 1
    assert import_onnx(net.bytes(y), "m", "onnxruntime", source="m").islands


def test_beta_without_a_bias_is_nothing(tmp_path):
    net = Net((3, 12))
    gemm(net, beta=0.5)
    y = net.quantized("y", *STEP)
    assert net.difference(y)[0] == 0


@pytest.mark.parametrize("alpha", [1.0, 0.25])
@pytest.mark.parametrize("turned", [0, 1])
def test_qgemm_with_attributes(alpha, turned):
    net = Net((12, 3) if turned else (3, 12))
    zero = net.constant("zero", np.int8(0))
    names = [net.constant("w", weights((12, 5))), net.constant("w.s", np.float32(0.01)), zero]
    step = [net.constant("y.s", np.float32(0.1)), net.constant("y.z", np.int8(3))]
    inputs = ["x.q", "x.s", "x.z", *names, "", *step]
    net.node("QGemm", inputs, "q", domain="com.microsoft", alpha=alpha, transA=turned)
    net.node("DequantizeLinear", ["q", *step], "y")
    assert net.difference("y")[0] == 0


def test_qgemm_with_another_factor_is_refused():
    net = Net((3, 12))
    zero = net.constant("zero", np.int8(0))
    names = [net.constant("w", weights((12, 5))), net.constant("w.s", np.float32(0.01)), zero]
    step = [net.constant("y.s", np.float32(0.1)), net.constant("y.z", np.int8(3))]
    inputs = ["x.q", "x.s", "x.z", *names, "", *step]
    net.node("QGemm", inputs, "q", domain="com.microsoft", alpha=0.3)
    net.node("DequantizeLinear", ["q", *step], "y")
    with pytest.raises(ModelError, match="QGemm with alpha"):
        import_onnx(net.bytes("y"), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("operator", ["Reshape", "Transpose"])
def test_a_moved_result_that_is_quantised_twice(operator, tmp_path):
    """The runtime brings neither QuantizeLinear in front of what moves the numbers."""
    net = Net((1, 4, 5, 6))
    net.node("Conv", [net.x, net.weights("w", weights((6, 4, 1, 1)))], "c")
    if operator == "Reshape":
        net.node("Reshape", ["c", net.constant("s", np.array([1, 6, 30]))], "m")
    else:
        net.node("Transpose", ["c"], "m", perm=[0, 2, 3, 1])
    net.nodes.append(helper.make_node("Identity", ["m"], ["n"]))
    outputs = [net.quantized("m", 0.2, 3), net.quantized("n", 0.3, 1)]
    assert marked(net, tmp_path, *outputs) == (True, True)


TENSORS = {
    "matrices": ((4, 12), (12, 7)),
    "a matrix for several": ((3, 4, 12), (12, 7)),
    "several": ((3, 4, 12), (3, 12, 7)),
    "heads": ((2, 3, 4, 12), (2, 3, 12, 7)),
    "one for several heads": ((2, 1, 4, 12), (1, 3, 12, 7)),
    "a vector": ((3, 4, 12), (12,)),
    "by a vector": ((12,), (3, 12, 7)),
}


def two_tensors(left, right, unsigned=False):
    """Return a network with two tensors of these shapes, parts of its input."""
    sizes = [int(np.prod(shape)) for shape in (left, right)]
    net = Net((1, sum(sizes)), unsigned=unsigned)
    parts = net.constant("sizes", np.array(sizes))
    net.nodes.append(helper.make_node("Split", [net.x, parts], ["a", "b"], axis=1))
    values = []
    for name, shape, step in (("a", left, (0.03, -7)), ("b", right, (0.03, -7))):
        target = net.constant(f"{name}.shape", np.array(shape))
        net.node("Reshape", [net.quantized(name, *step), target], f"{name}.r")
        values.append(net.quantized(f"{name}.r", *step))
    return net, values


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("left, right", TENSORS.values(), ids=TENSORS)
def test_matmul_of_two_tensors(left, right, unsigned):
    net, values = two_tensors(left, right, unsigned)
    net.node("MatMul", values, "y")
    exact(net, "y", 0.07, 3, opset=17)
    graph = import_onnx(net.bytes("y.f", opset=17), "m", "onnxruntime", source="m")
    assert not graph.islands


@pytest.mark.parametrize("left", [(5, 8), (2, 5, 8)])
@pytest.mark.parametrize("order", [1, -1])
def test_a_bias_of_another_scale_behind_two_tensors_is_refused(order, left):
    """ONNX Runtime makes a Gemm of both, which takes its integers for steps of 0.03 * 0.03."""
    net, values = two_tensors(left, (8, 4), False)
    product = net.node("MatMul", values, "p")
    numbers = np.array([300, -200, 100, 50], np.int32)
    for scale, same in ((float(np.float32(0.03) * np.float32(0.03)), True), (0.004, False)):
        bias = net.weights(f"b{same}", numbers, scale)
        net.node("Add", [product, bias][::order], f"y{same}")
        output = net.quantized(f"y{same}", 0.02, 3)
        if same:
            assert net.difference(output)[0] == 0
        else:
            with pytest.raises(ModelError, match="a bias of another scale"):
                import_onnx(net.bytes(output), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("kinds", [("int8", "uint8"), ("uint8", "int8")], ids="-".join)
def test_matmul_of_two_tensors_left_in_float(kinds, tmp_path):
    """The result is of another type; one step at most."""
    edges = [Edge(0.03, -7, kinds[0]), Edge(0.05, 3, kinds[0])]
    data = group("MatMul", edges, [Edge(0.4, 3, kinds[1])], (2, 9, 9))
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    assert graph.islands
    session = open_ort(data)
    rng = np.random.default_rng(SEED)
    feeds = {i.name: rng.uniform(-3, 3, i.shape).astype(np.float32) for i in session.get_inputs()}
    values = reference.run(graph, feeds)
    away = np.abs(values[graph.outputs[0]] - session.run(None, feeds)[0])
    assert away.max() < 0.41 and np.count_nonzero(away) <= 1


def test_qlinear_matmul_of_two_tensors():
    net = Net((2, 5, 5))
    step = [net.constant("y.s", np.float32(0.1)), net.constant("y.z", np.int8(3))]
    net.node("QLinearMatMul", ["x.q", "x.s", "x.z", "x.q", "x.s", "x.z", *step], "q")
    net.node("DequantizeLinear", ["q", *step], "y")
    assert net.difference("y")[0] == 0


def attention(net, heads=2, size=8):
    """Add self-attention of a tensor (batch, rows, heads * size), quantised as the tools do."""
    rows, width = net.shape[1:]
    value, parts = net.x, []
    for name in "qkv":
        net.node("MatMul", [value, net.weights(f"{name}.w", weights((width, width)))], f"{name}.m")
        target = net.constant(f"{name}.shape", np.array([0, rows, heads, size]))
        net.node("Reshape", [net.quantized(f"{name}.m", 0.05, 3), target], f"{name}.r")
        order = [0, 2, 3, 1] if name == "k" else [0, 2, 1, 3]
        net.node("Transpose", [net.quantized(f"{name}.r", 0.05, 3)], f"{name}.t", perm=order)
        parts.append(net.quantized(f"{name}.t", 0.05, 3))
    net.node("MatMul", parts[:2], "scores")
    root = net.constant("root", np.float32(size**0.5))
    net.node("Div", [net.quantized("scores", 0.3, 0), root], "scaled")
    net.node("Softmax", [net.quantized("scaled", 0.1, 0)], "soft", axis=-1)
    net.node("MatMul", [net.quantized("soft", 1 / 255, -128), parts[2]], "mixed")
    net.node("Transpose", [net.quantized("mixed", 0.04, 3)], "turned", perm=[0, 2, 1, 3])
    target = net.constant("back", np.array([0, rows, heads * size]))
    net.node("Reshape", [net.quantized("turned", 0.04, 3), target], "joined")
    net.node("Add", [net.quantized("joined", 0.04, 3), value], "y")
    return net.quantized("y", 0.06, 5)


def test_attention():
    """Every operator is the runtime's, and images are independent of each other."""
    net = Net((1, 6, 16))
    y = attention(net)
    assert net.difference(y, opset=17)[0] == 0
    graph = import_onnx(net.bytes(y, opset=17), "m", "onnxruntime", source="m")
    assert not graph.islands and graph.declared is None
    x = np.random.default_rng(SEED).uniform(-4, 4, (3, 6, 16)).astype(np.float32)
    together = reference.run(graph, {"x": x})[graph.outputs[0]]
    alone = [reference.run(graph, {"x": x[i : i + 1]})[graph.outputs[0]] for i in range(3)]
    np.testing.assert_array_equal(together, np.concatenate(alone))


@pytest.mark.parametrize("shapes", [((4, 12), (11, 7)), ((3, 4, 12), (2, 12, 7))], ids=str)
def test_tensors_that_do_not_fit_are_refused(shapes):
    net, values = two_tensors(*shapes)
    net.node("MatMul", values, "y")
    data = net.bytes(net.quantized("y", 0.07, 3), opset=17)
    with pytest.raises(ModelError, match="do not fit"):
        import_onnx(data, "m", "onnxruntime", source="m")

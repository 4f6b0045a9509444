"""ONNX's MatMul of two tensors, against ONNX Runtime."""

import pytest

pytest.importorskip("onnxruntime")

import numpy as np
from networks.matrices import weights
from networks.onnx_net import SEED, Net, exact
from networks.ort import open_ort
from networks.qdq_group import Edge, group
from onnx import helper
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

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

"""Groups that ONNX Runtime leaves in float, against the runtime: scales whose ties are frequent."""

import numpy as np
import onnx
import pytest
import weft
from networks.qdq_group import Edge, group

pytest.importorskip("onnxruntime")

from networks.onnx_net import Net
from networks.ort import AVX_512, open_ort
from weft.importers.onnx.file import import_onnx

SHAPE = (1, 8, 16, 16)
SCALES = [(0.5, 0.25, 1.0), (0.05, 0.15, 0.1)]
KINDS = [
    ("int8", "int8", "int8"),
    ("uint8", "uint8", "uint8"),
    ("int8", "int8", "uint8"),
    ("uint8", "uint8", "int8"),
    ("uint8", "int8", "int8"),
    ("uint8", "int8", "uint8"),
]
FUSED = ("QLinearConv", "QLinearMatMul", "QGemm")


def compare(data, tmp_path, within=0.0):
    """Compare all outputs; return the session's graph."""
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    runtime = open_ort(data)
    rng = np.random.default_rng(1)
    feeds = {i.name: rng.uniform(-40, 40, i.shape).astype(np.float32) for i in runtime.get_inputs()}
    expected = runtime.run(None, feeds)
    with weft.InferenceSession(path, device="golden") as session:
        for got, right in zip(session.run(None, feeds), expected, strict=True):
            np.testing.assert_allclose(got, right, rtol=0, atol=within)
        return session.graph


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_types_of_two_operands(operator, scales, kinds, tmp_path):
    a, b, y = (Edge(s, z, k) for s, z, k in zip(scales, (3, 2, 7), kinds, strict=True))
    compare(group(operator, [a, b], [y], SHAPE), tmp_path)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("zero_point", [0, 7, -100, -128])
def test_a_kept_activation(operator, scales, zero_point, tmp_path):
    a, b, y = (Edge(s, z) for s, z in zip(scales, (3, 2, zero_point), strict=True))
    compare(group(operator, [a, b], [y], SHAPE, relu=True), tmp_path)


@pytest.mark.parametrize("operator", ["Add", "Sub", "Mul"])
@pytest.mark.parametrize("scales", SCALES, ids=str)
def test_a_sum_quantised_twice(operator, scales, tmp_path):
    a, b, y = (Edge(s, z) for s, z in zip(scales, (3, 2, 7), strict=True))
    compare(group(operator, [a, b], [y, Edge(2 * y.scale, 1)], SHAPE), tmp_path)


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("which", [(), (0,), (1,), (2,), (0, 1, 2)], ids=str)
@pytest.mark.parametrize("constant", [False, True])
def test_scales_with_a_dimension(operator, scales, which, constant, tmp_path):
    """The runtime has kernels for sums and products whose scales have none."""
    shapes = [(1,) if i in which else () for i in range(3)]
    edges = [Edge(s, z, shape=d) for s, z, d in zip(scales, (3, 2, 7), shapes, strict=True)]
    if constant:
        data = group(operator, edges[:1], edges[2:], SHAPE, weights=((1, 8, 1, 1), edges[1]))
    else:
        data = group(operator, edges[:2], edges[2:], SHAPE)
    compare(data, tmp_path)


@pytest.mark.parametrize("operator", ["Add", "Mul"])
@pytest.mark.parametrize("scales", SCALES, ids=str)
@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_types_of_a_constant_operand(operator, scales, kinds, tmp_path):
    a, b, y = (Edge(s, z, k) for s, z, k in zip(scales, (3, 2, 7), kinds, strict=True))
    compare(group(operator, [a], [y], SHAPE, weights=((1, 8, 1, 1), b)), tmp_path)


def blocks():
    """Return channel counts: with AVX-512 the runtime's float pools take 16 at once."""
    return [3, 12, 16, 64] if AVX_512 else [3, 12]


POOLS = {
    "2x2": ("AveragePool", {"kernel_shape": [2, 2], "strides": [2, 2]}),
    "3x3": ("AveragePool", {"kernel_shape": [3, 3], "strides": [1, 3], "pads": [1, 1, 1, 1]}),
    "3x2": ("AveragePool", {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "count_include_pad": 1}),
    "whole": ("AveragePool", {"kernel_shape": [6, 5]}),
    "global": ("GlobalAveragePool", {}),
    "mean": ("ReduceMean", {"axes": [2, 3]}),
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("channels", blocks())
@pytest.mark.parametrize("scales", [(0.1, 0.1), (0.3, 0.2), (0.5, 0.25)], ids=str)
@pytest.mark.parametrize("kinds", ["two", ("int8", "uint8"), ("uint8", "int8"), ("int8", "int8")])
def test_means(pool, channels, scales, kinds, tmp_path):
    operator, attributes = POOLS[pool]
    x, y = ("int8", "int8") if kinds == "two" else kinds
    outputs = [Edge(scales[1], 1, y)] + [Edge(0.07, 2, y)] * (kinds == "two")
    shape = (2, channels, 6, 5) if channels > 3 else (1, 301, 6, 5)
    compare(group(operator, [Edge(scales[0], 3, x)], outputs, shape, **attributes), tmp_path)


@pytest.mark.parametrize("scales", [(0.3, 0.2), (0.3, 0.1), (0.1, 0.1)], ids=str)
def test_a_mean_of_an_odd_count(scales, tmp_path):
    x, y = (Edge(s, z) for s, z in zip(scales, (3, 1), strict=True))
    compare(group("ReduceMean", [x], [y], (1, 997, 3, 3), axes=[2, 3]), tmp_path)


@pytest.mark.parametrize("kinds", [("int8", "uint8"), ("uint8", "int8"), "two"])
@pytest.mark.parametrize("scales", [(0.1, 0.004), (0.2, 1 / 255)], ids=str)
def test_softmax(scales, kinds, tmp_path):
    """Real numbers, rounded once: the runtime's table is up to 10 % of the values away."""
    x, y = ("int8", "int8") if kinds == "two" else kinds
    outputs = [Edge(scales[1], -128, y)] * (2 if kinds == "two" else 1)
    data = group("Softmax", [Edge(scales[0], 3, x)], outputs, SHAPE)
    compare(data, tmp_path)


@pytest.mark.parametrize("operator", ["Concat", "Sigmoid", "LeakyRelu", "MaxPool"])
@pytest.mark.parametrize("kinds", KINDS, ids="-".join)
def test_other_operators(operator, kinds, tmp_path):
    """What moves numbers, or has a table, is the same in integers and in float."""
    attributes = {"Concat": {"axis": 1}, "MaxPool": {"kernel_shape": [2, 2]}}.get(operator, {})
    same = operator == "MaxPool"
    a, y = Edge(0.1, 3, kinds[0]), Edge(0.1 if same else 0.07, 3 if same else 7, kinds[2])
    inputs = [a, Edge(0.3, 2, kinds[1])] if operator == "Concat" else [a]
    compare(group(operator, inputs, [y], SHAPE, **attributes), tmp_path)


LINEAR = {
    "Conv": ((1, 8, 9, 9), (8, 8, 3, 3), 8, 16.0),
    "MatMul": ((1, 8, 16), (16, 16), None, 8.0),
    "Gemm": ((16, 32), (32, 16), 16, 8.0),
}


BIASES = (None, 1.0, 1.009, 1.02, 0.5)
WITH_BIAS = [(o, b) for o in LINEAR for b in BIASES if b is None or LINEAR[o][2]]


@pytest.mark.parametrize("operator, bias", WITH_BIAS)
@pytest.mark.parametrize("kinds", [*KINDS, ("int8", "uint8", "int8")], ids="-".join)
@pytest.mark.parametrize("options", ["", "two", "relu", "dimension"])
def test_layers_with_weights(operator, kinds, bias, options, tmp_path):
    """A layer is marked where the runtime has no integer kernel; one step is allowed then."""
    shape, weights, length, step = LINEAR[operator]
    one = (1,) if options == "dimension" else ()
    edges = [
        Edge(s, z, k, one) for s, z, k in zip((0.5, 2**-7, step), (3, 0, 1), kinds, strict=True)
    ]
    data = group(
        operator,
        edges[:1],
        edges[2:] * (2 if options == "two" else 1),
        shape,
        weights=(weights, edges[1]),
        bias=None if bias is None or length is None else (length, bias * 0.5 * 2**-7),
        relu=options == "relu",
    )
    open_ort(data, optimised=tmp_path / "optimised.onnx")
    fused = any(n.op_type in FUSED for n in onnx.load(tmp_path / "optimised.onnx").graph.node)
    graph = compare(data, tmp_path, within=0 if fused else step)
    assert any(graph.in_island(node) for node in graph.nodes) is not fused


@pytest.mark.parametrize("zero_point", [-128, 3])
@pytest.mark.parametrize("clamp", ["Relu", "Clip"])
def test_a_pool_with_a_clamp_behind_it(clamp, zero_point):
    """Superfluous clamps are taken out; behind others the pool lies in a float island."""
    net = Net((1, 4, 6, 5), scale=0.05, zero_point=3)
    net.node("AveragePool", [net.x], "p", kernel_shape=[2, 3])
    bounds = [net.constant("low", np.float32(0)), net.constant("high", np.float32(1e6))]
    net.node(clamp, ["p", *(bounds if clamp == "Clip" else [])], "y")
    y = net.quantized("y", 0.05, zero_point)
    different, count = net.difference(y, opset=17)
    graph = import_onnx(net.bytes(y, opset=17), "m", "onnxruntime", source="m")
    assert bool(graph.islands) == (zero_point != -128)
    assert different == 0 if zero_point == -128 else different <= count // 6

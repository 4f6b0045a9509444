"""ONNX's Gemm and MatMul with several matrices, vectors, factors, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import helper

pytest.importorskip("onnxruntime")

from networks.matrices import STEP, marked, weights
from networks.onnx_net import SEED, Net, exact
from weft.errors import ModelError
from weft.importers.onnx.file import import_onnx

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

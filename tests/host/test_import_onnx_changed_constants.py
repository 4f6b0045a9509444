"""Constants that operators change behind their DequantizeLinear: which groups stay in float."""

import numpy as np
import onnx
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import Net, exact
from networks.ort import open_ort
from weft.importers.onnx.file import import_onnx

IMAGE, RNG = (1, 6, 9, 8), np.random.default_rng(5)
IN_FLOAT = {"Conv", "Gemm", "MatMul", "FusedMatMul", "Add", "Mul"}


def int8(*shape):
    # Of 7 bits: the runtime saturates nowhere, whatever the CPU.
    return RNG.integers(-63, 64, shape).astype(np.int8)


def indices(net, name, *values):
    return net.constant(name, np.array(values, np.int64))


def concatenated(net, shape):
    half = (shape[0] // 2, *shape[1:])
    parts = [net.weights(name, int8(*half)) for name in ("w0", "w1")]
    return net.node("Concat", parts, "w", axis=0)


def reshaped(net, shape):
    rows = net.weights("w0", int8(np.prod(shape)))
    return net.node("Reshape", [rows, indices(net, "shape", *shape)], "w")


def unsqueezed(net, shape):
    weights = net.weights("w0", int8(1, *shape))
    return net.node("Squeeze", [weights, indices(net, "axes", 0)], "w")


def sliced(net, shape):
    whole = net.weights("w0", int8(shape[0] + 2, *shape[1:]))
    bounds = [indices(net, "first", 1), indices(net, "last", shape[0] + 1)]
    return net.node("Slice", [whole, *bounds], "w")


def scaled(net, shape):
    return net.node("Mul", [net.weights("w0", int8(*shape)), net.constant("f", np.float32(2))], "w")


def turned(net, shape):
    return net.node("Transpose", [net.weights("w0", int8(*shape[::-1]))], "w")


def cast(net, shape):
    return net.node("Cast", [net.weights("w0", int8(*shape))], "w", to=onnx.TensorProto.FLOAT)


def plain(net, shape):
    return net.weights("w", int8(*shape))


CHANGED = (concatenated, reshaped, unsqueezed, sliced, scaled)
KEPT = (turned, cast, plain)


def agrees(net, output, scale, zero_point=11) -> bool:
    """Compare with the runtime; return whether it leaves the layer in float.

    Weft must mark an island then, whose values may be one step away, and else be equal.
    """
    name = net.quantized(output, scale, zero_point)
    graph = import_onnx(net.bytes(name), "m", "onnxruntime", source="m")
    different, size = net.difference(name, within=np.float32(scale) * 1.01)
    assert different <= (size / 50 if graph.islands else 0)
    return bool(graph.islands)


def runs_in_float(net, output, folder) -> bool:
    """Whether the runtime's optimised model has the layer in float."""
    open_ort(net.bytes(f"{output}.f"), optimised=folder / "m.onnx")
    kinds = {node.op_type for node in onnx.load(folder / "m.onnx").graph.node}
    return bool(kinds & IN_FLOAT)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("made", [*CHANGED, *KEPT], ids=lambda x: x.__name__)
@pytest.mark.parametrize("layer", ["Conv", "Gemm", "MatMul"])
def test_weights(layer, made, unsigned, tmp_path):
    net = Net(IMAGE if layer == "Conv" else (40, 12), unsigned=unsigned)
    weights = made(net, (8, 6, 3, 3) if layer == "Conv" else (12, 8))
    net.node(layer, [net.x, weights], "y")
    island = agrees(net, "y", 0.13)
    assert island == runs_in_float(net, "y", tmp_path) == (made in CHANGED)


@pytest.mark.parametrize("made", [concatenated, reshaped, sliced], ids=lambda x: x.__name__)
def test_a_bias(made, tmp_path):
    net = Net(IMAGE)
    net.node("Conv", [net.x, net.weights("k", int8(8, 6, 3, 3)), made(net, (8,))], "y")
    assert agrees(net, "y", 0.13)
    assert runs_in_float(net, "y", tmp_path)


@pytest.mark.parametrize("made", [*CHANGED, turned, cast, plain], ids=lambda x: x.__name__)
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("operator", ["Add", "Mul"])
def test_sums_and_products_are_exact_in_float_too(operator, first, made):
    net = Net(IMAGE)
    constant = made(net, (6, 1, 1) if made is not turned else (6, 1, 8))
    net.node(operator, [constant, net.x] if first else [net.x, constant], "y")
    exact(net, "y", 0.13, -9)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("scale", [0.002, 0.02, 0.13])
@pytest.mark.parametrize("clamp", ["", "Relu"])
@pytest.mark.parametrize("bias", [(8,), (1, 8), (1,)], ids=str)
@pytest.mark.parametrize("shape", [(40, 12), (2, 9, 12)], ids=str)
def test_a_float_bias_behind_matmul(shape, bias, clamp, scale, unsigned, tmp_path):
    """The runtime makes a Gemm of both, and steps of the accumulator of a vector's numbers."""
    net = Net(shape, unsigned=unsigned)
    product = net.node("MatMul", [net.x, net.weights("w", int8(12, 8))], "p")
    numbers = net.constant("b", RNG.normal(size=bias).astype(np.float32))
    net.node("Add", [product, numbers], "s" if clamp else "y")
    if clamp:
        net.node(clamp, ["s"], "y")
    island = agrees(net, "y", scale, -128)
    whole = bias == (8,) and (len(shape) == 2 or not clamp)
    assert island != whole
    assert runs_in_float(net, "y", tmp_path) != whole

"""Operators that no runtime has integer kernels for: tables, and layers of a float island."""

import numpy as np
import pytest
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net, every_value, exact
from networks.ort import ort_session, run_ort

SHAPE = (2, 5, 9, 7)


def layer(shape=SHAPE, channels=5):
    """A network with integers, so that float layers may follow, and its quantised result."""
    net = Net(shape)
    weights = np.random.default_rng(SEED).integers(-60, 60, (channels, shape[1], 1, 1))
    net.node("Conv", [net.x, net.weights("w", weights.astype(np.int8))], "c")
    return net, net.quantized("c", 0.047, 3)


def within_a_step(net, name, scale, zero_point=5, *, share=0.03, opset=20):
    """At most ``share`` of the values are a step away, none further."""
    y = net.quantized(name, scale, zero_point)
    assert import_onnx(net.bytes(y, opset=opset), "m", "onnxruntime", source="m").islands
    away, size = net.difference(y, opset=opset, within=1.001 * scale)
    assert away <= share * size


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("scale", [0.003, 0.03, 0.2, 1.7])
@pytest.mark.parametrize("operator", ["Sin", "Cos"])
def test_every_value_of_a_wave(operator, scale, unsigned):
    net = Net((1, 1, 1, 256), scale=scale, unsigned=unsigned)
    exact(net, net.node(operator, [net.x], "y"), 1 / 127, 0, x=every_value(net))


@pytest.mark.parametrize("exclude", [0, 1])
@pytest.mark.parametrize("scales", [(2, 2), (0.6, 1.7), (1, 3), (3, 0.34)], ids=str)
@pytest.mark.parametrize(
    "coordinates", ["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel"]
)
def test_cubic_resize(coordinates, scales, exclude):
    net, x = layer()
    factors = net.constant("factors", np.array([1, 1, *scales], np.float32))
    options = {"coordinate_transformation_mode": coordinates, "exclude_outside": exclude}
    net.node("Resize", [x, "", factors], "y", mode="cubic", cubic_coeff_a=-0.5, **options)
    within_a_step(net, "y", 0.053)


def test_cubic_resize_to_a_size():
    net, x = layer()
    sizes = net.constant("sizes", np.array([2, 5, 13, 13]))
    net.node("Relu", [net.node("Resize", [x, "", "", sizes], "r", mode="cubic")], "y")
    within_a_step(net, "y", 0.053, -128)


def test_what_only_cubic_resizes_exclude_is_refused():
    for mode in ("linear", "nearest"):
        net, x = layer()
        factors = net.constant("factors", np.array([1, 1, 2, 2], np.float32))
        net.node("Resize", [x, "", factors], "y", mode=mode, exclude_outside=1)
        with pytest.raises(ModelError, match="exclude_outside and another mode than cubic"):
            import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("opset", [11, 20])
@pytest.mark.parametrize("size", [1, 3, 5])
def test_local_response_normalisation(size, opset):
    net, x = layer(channels=7)
    net.node("LRN", [x], "y", size=size, alpha=0.3, beta=0.6, bias=1.5)
    within_a_step(net, "y", 0.031, opset=opset)


def test_local_response_normalisation_of_an_even_window_is_refused():
    net, x = layer()
    net.node("LRN", [x], "y", size=4)
    with pytest.raises(ModelError, match="LRN of 4 channels is not possible"):
        import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")


# Equations with the shapes of their operands.
PRODUCTS = [
    ("bid,bjd->bij", (2, 3, 4), (2, 5, 4)),
    ("bij,bjd->bid", (2, 3, 4), (2, 4, 6)),
    ("btd, do -> bto", (2, 3, 4), (4, 5)),
    ("bhwc,hkc->bhwk", (2, 3, 4, 5), (3, 6, 5)),
    ("bhwc,wkc->bhwk", (2, 3, 4, 5), (4, 6, 5)),
    ("nchw,cd->ndhw", (1, 4, 3, 5), (4, 6)),
    ("bqnh,bknh->bnqk", (1, 4, 2, 3), (1, 5, 2, 3)),
    ("ab,cb", (3, 4), (5, 4)),
    ("i,j->ij", (3,), (4,)),
    ("bi,bi->b", (2, 5), (2, 5)),
]


@pytest.mark.parametrize("constant", ["none", "first", "second"])
@pytest.mark.parametrize(("equation", "shape", "other"), PRODUCTS, ids=lambda x: str(x))
def test_einsum_of_two(equation, shape, other, constant):
    net = Net(shape)
    if constant == "none":
        places = np.resize(np.arange(np.prod(shape)), other)
        flat = net.node("Reshape", [net.x, net.constant("flat", np.array([-1]))], "flat.x")
        picked = net.node("Gather", [flat, net.constant("places", places)], "picked")
        second = net.quantized(picked, 0.03, -7)
    else:
        weights = np.random.default_rng(SEED).integers(-60, 60, other).astype(np.int8)
        second = net.weights("w", weights)
    operands, terms = [net.x, second], equation
    if constant == "first":
        given, arrow, result = equation.partition("->")
        operands, terms = operands[::-1], ",".join(given.split(",")[::-1]) + arrow + result
    net.node("Einsum", operands, "y", equation=terms)
    within_a_step(net, "y", 0.083)


@pytest.mark.parametrize(("equation", "axes"), [("bij->bj", 1), ("nchw->cn", 2), ("ij->ji", 0)])
def test_einsum_of_one(equation, axes):
    shape = (2, 3, 4, 5)[: len(equation.split("->")[0])]
    net = Net(shape)
    net.node("Einsum", [net.x], "y", equation=equation)
    if axes:
        within_a_step(net, "y", 0.083, share=0.2)
    else:
        exact(net, "y", net.scale, net.zero_point)


@pytest.mark.parametrize("equation", ["...i,ij->...j", "bii,ij->bj", "bij,jk->bk", "bi,ij->bj"])
def test_other_equations_are_refused(equation):
    net = Net((2, 3, 3))
    weights = net.weights("w", np.ones((3, 3), np.int8))
    net.node("Einsum", [net.x, weights], "y", equation=equation)
    with pytest.raises(ModelError, match=r"Einsum with equation .* is not supported"):
        import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")


def test_several_images_of_an_einsum():
    net = Net((1, 3, 4))
    net.node("Einsum", [net.x, net.x], "y", equation="bid,bjd->bij")
    data = net.bytes(net.quantized("y", 0.5, 0))
    session, [name] = ort_session(data)
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    images = np.random.default_rng(SEED).uniform(-3, 3, (3, 3, 4)).astype(np.float32)
    found = reference.run(graph, {graph.inputs[0]: images})[graph.outputs[0]]
    expected = [run_ort(session, x[None])[name][0] for x in images]
    assert np.array_equal(found, np.stack(expected))

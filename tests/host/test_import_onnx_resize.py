"""ONNX's Resize, linear between pixels and of other tensors than images, against ONNX Runtime."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import SEED, Net, exact, pass_through
from weft.errors import ModelError
from weft.golden import run as reference
from weft.importers.onnx.file import import_onnx

SHAPE = (2, 5, 9, 7)
COORDINATES = ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"]
SIZES = [(18, 14), (36, 28), (4, 3), (13, 20), (9, 15), (1, 1), (27, 1)]
STEPS = [(0.03, -7), (0.05, 11), (0.01, 0)]


def resized(net, inputs, **attributes):
    return net.node("Resize", [net.x, *inputs], "y", mode="linear", **attributes)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("step", STEPS, ids=str)
@pytest.mark.parametrize("unsigned", [False, True])
def test_linear_resize_to_a_size(coordinates, size, step, unsigned):
    net = Net(SHAPE, unsigned=unsigned)
    sizes = net.constant("sizes", np.array([*SHAPE[:2], *size]))
    resized(net, ["", "", sizes], coordinate_transformation_mode=coordinates)
    exact(net, "y", *step, opset=17)


@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("scales", [(2, 2), (1.7, 0.6), (1.05, 3), (0.5, 1)], ids=str)
@pytest.mark.parametrize("opset", [11, 13, 19])
def test_linear_resize_by_scales(coordinates, scales, opset):
    """Positions follow the scales, although the size is a whole number."""
    net = Net(SHAPE)
    factors = net.constant("scales", np.array([1, 1, *scales], np.float32))
    empty = net.constant("roi", np.zeros(0, np.float32))
    resized(net, [empty, factors], coordinate_transformation_mode=coordinates)
    exact(net, "y", opset=opset)


@pytest.mark.parametrize("scales", [(2, 2), (0.5, 1.5)])
def test_linear_resize_of_opset_10(scales):
    net = Net(SHAPE)
    resized(net, [net.constant("scales", np.array([1, 1, *scales], np.float32))])
    exact(net, "y", opset=10)


def test_linear_resize_of_named_axes():
    net = Net(SHAPE)
    resized(net, ["", net.constant("scales", np.array([1.5, 2], np.float32))], axes=[3, 2])
    exact(net, "y", opset=18)


def test_ties_between_pixels():
    """Half way between two pixels, with equal scales: every other sum is a tie."""
    net = Net((1, 1, 64, 64), scale=0.5, zero_point=0)
    resized(net, ["", net.constant("scales", np.array([1, 1, 0.5, 0.5], np.float32))])
    x = np.random.default_rng(SEED).integers(-128, 128, (1, 1, 64, 64)).astype(np.float32) / 2
    exact(net, "y", 0.5, 0, x=x)


def test_linear_resize_whose_result_stays_float():
    """The function behind it makes a float island: at most a step away, which few are."""
    net = Net(SHAPE)
    resized(net, ["", net.constant("scales", np.array([1, 1, 2, 2], np.float32))])
    net.node("Sigmoid", ["y"], "z")
    data = net.bytes(net.quantized("z", 1 / 256, -128))
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    assert graph.islands
    assert net.difference("z.f")[0] <= 2


def test_a_layer_behind_a_linear_resize_is_the_integer_kernel():
    net = Net(SHAPE)
    resized(net, ["", net.constant("scales", np.array([1, 1, 2, 2], np.float32))])
    net.x = net.quantized("y", 0.04, 3)
    weights = np.random.default_rng(SEED).integers(-127, 128, (4, 5, 3, 3)).astype(np.int8)
    net.node("Conv", [net.x, net.weights("w", weights)], "z")
    exact(net, "z", 0.2)
    graph = import_onnx(net.bytes("z.f"), "m", "onnxruntime", source="m")
    assert not graph.islands


@pytest.mark.parametrize(
    "attributes, sizes, message",
    [
        ({"mode": "cubic"}, [2, 10, 18, 14], r"cubic Resize from .* is not supported"),
        ({"mode": "linear", "antialias": 1}, [2, 5, 4, 3], "attribute antialias = 1"),
        ({"mode": "linear"}, [2, 10, 9, 7], r"linear Resize from .* is not supported"),
        ({"mode": "linear"}, [2, 5, 9, 0], r"Resize from .* is not supported"),
        (
            {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize"},
            [2, 5, 4, 3],
            "coordinates of kind tf_crop_and_resize",
        ),
    ],
)
def test_other_kinds_are_refused(attributes, sizes, message):
    net = Net(SHAPE)
    net.node("Resize", [net.x, "", "", net.constant("sizes", np.array(sizes))], "y", **attributes)
    with pytest.raises(ModelError, match=message):
        import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("shape, size", [((1, 4, 9), (1, 4, 18)), ((1, 4, 9), (1, 8, 3))])
def test_nearest_resize_of_other_tensors_than_images(shape, size):
    net = Net(shape)
    sizes = net.constant("sizes", np.array(size))
    net.node("Resize", [net.x, "", "", sizes], "y", mode="nearest", nearest_mode="floor")
    pass_through(net, "y")


def test_nearest_resize_of_channels():
    net = Net(SHAPE)
    sizes = net.constant("sizes", np.array([2, 10, 18, 7]))
    net.node("Resize", [net.x, "", "", sizes], "y", mode="nearest")
    pass_through(net, "y")


def test_a_resized_map_on_integers_is_refused():
    """The runtime has another kernel for those, with positions in 1/1024 of a pixel."""
    net = Net(SHAPE)
    scales = net.constant("scales", np.array([1, 1, 2, 2], np.float32))
    net.node("Resize", ["x.q", "", scales], "y", mode="linear")
    net.node("DequantizeLinear", ["y", "x.s", "x.z"], "z")
    with pytest.raises(ModelError, match="linear Resize of integers is not supported"):
        import_onnx(net.bytes("z"), "m", "onnxruntime", source="m")


def test_several_images_at_once():
    """Each is computed apart from the others, whatever the file's batch."""
    net = Net((1, *SHAPE[1:]))
    resized(net, ["", net.constant("scales", np.array([1, 1, 2, 2], np.float32))])
    graph = import_onnx(net.bytes(net.quantized("y", 0.05, 11)), "m", "onnxruntime", source="m")
    x = np.random.default_rng(SEED).uniform(-4, 4, (3, *SHAPE[1:])).astype(np.float32)
    together = reference.run(graph, {"x": x})[graph.outputs[0]]
    alone = [reference.run(graph, {"x": x[i : i + 1]})[graph.outputs[0]] for i in range(3)]
    np.testing.assert_array_equal(together, np.concatenate(alone))

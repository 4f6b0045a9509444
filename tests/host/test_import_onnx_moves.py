"""ONNX operators that move or choose values between quantised tensors, against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto

pytest.importorskip("onnxruntime")

from networks.onnx_net import IMAGE, SEED, Net, every_value, exact, pass_through
from networks.ort import open_ort
from weft.errors import ModelError
from weft.importers.onnx.file import import_onnx

MODES = [("reflect", 17), ("edge", 13), ("wrap", 19)]
PADS = {
    "image": [0, 0, 1, 2, 0, 0, 3, 1],
    "channels": [0, 2, 1, 0, 0, 1, 0, 2],
    "cut": [0, 0, -1, 2, 0, 0, 2, -3],
}


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("pads", PADS.values(), ids=PADS)
@pytest.mark.parametrize("mode, opset", MODES)
@pytest.mark.parametrize("step", [(0.03, -7), (0.05, 11)], ids=str)
def test_pad_with_values_of_the_tensor(step, mode, opset, pads, unsigned):
    net = Net(IMAGE, unsigned=unsigned)
    net.node("Pad", [net.x, net.constant("p", np.array(pads))], "y", mode=mode)
    exact(net, "y", *step, opset=opset)


@pytest.mark.parametrize("shape, pads", [((1, 4, 9), [0, 0, 3, 0, 0, 2]), ((2, 7), [0, 1, 0, 6])])
@pytest.mark.parametrize("mode, opset", MODES)
def test_pad_of_other_tensors(mode, opset, shape, pads):
    net = Net(shape)
    net.node("Pad", [net.x, net.constant("p", np.array(pads))], "y", mode=mode)
    pass_through(net, "y", opset=opset)


def test_pad_with_a_number_that_also_cuts():
    net = Net(IMAGE)
    pads = net.constant("p", np.array([0, 0, -1, 2, 0, -1, 2, -3]))
    net.node("Pad", [net.x, pads, net.constant("n", np.float32(0.3))], "y")
    pass_through(net, "y", opset=17)


def test_pad_of_named_axes():
    net = Net(IMAGE)
    inputs = [net.x, net.constant("p", np.array([2, 1])), "", net.constant("a", np.array([-1]))]
    net.node("Pad", inputs, "y", mode="reflect")
    pass_through(net, "y", opset=18)


def test_reflection_longer_than_the_tensor_is_refused():
    """So does the runtime."""
    net = Net(IMAGE)
    net.node("Pad", [net.x, net.constant("p", np.array([0] * 7 + [7]))], "y", mode="reflect")
    with pytest.raises(ModelError, match="of 7 values with mode reflect is not supported"):
        pass_through(net, "y", opset=19)


@pytest.mark.parametrize("mode", ["edge", "wrap"])
def test_pads_longer_than_the_tensor(mode):
    net = Net(IMAGE)
    net.node(
        "Pad", [net.x, net.constant("p", np.array([0, 0, 11, 0, 0, 0, 0, 15]))], "y", mode=mode
    )
    pass_through(net, "y", opset=19)


def test_a_pad_that_leaves_nothing_is_refused():
    net = Net(IMAGE)
    net.node("Pad", [net.x, net.constant("p", np.array([0, 0, -5, 0, 0, 0, -4, 0]))], "y")
    with pytest.raises(ModelError, match="leaves nothing of 9 values"):
        import_onnx(net.bytes(net.quantized("y", 0.1, 0)), "m", "onnxruntime", source="m")


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("step", [(0.03, -7), (0.05, 11)], ids=str)
@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(mode, size, step, unsigned):
    net = Net((2, 36, 3, 4), unsigned=unsigned)
    net.node("DepthToSpace", [net.x], "y", blocksize=size, mode=mode)
    exact(net, "y", *step)


@pytest.mark.parametrize("unsigned", [False, True])
@pytest.mark.parametrize("step", [(0.03, -7), (0.05, 11)], ids=str)
@pytest.mark.parametrize("size", [2, 3])
def test_space_to_depth(size, step, unsigned):
    net = Net((2, 5, 6, 12), unsigned=unsigned)
    net.node("SpaceToDepth", [net.x], "y", blocksize=size)
    exact(net, "y", *step)


AXES = [(2, 3), (1,), (3,), (-2,), (1, 2, 3), (1, 3), None]


@pytest.mark.parametrize("operator", ["ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("step", [(0.03, -7), (0.05, 11)], ids=str)
@pytest.mark.parametrize("unsigned", [False, True])
def test_extremes_of_dimensions(operator, axes, keep, step, unsigned):
    net = Net((2, 6, 9, 7), unsigned=unsigned)
    named = {} if axes is None else {"axes": axes}
    net.node(operator, [net.x], "y", keepdims=keep, **named)
    exact(net, "y", *step, opset=17)


@pytest.mark.parametrize("axes", [(0,), (0, 2)])
def test_extremes_across_images(axes):
    net = Net((4, 6, 9, 7))
    net.node("ReduceMax", [net.x, net.constant("a", np.array(axes))], "y", keepdims=0)
    pass_through(net, "y")


def test_extremes_without_axes_may_be_a_copy():
    net = Net(IMAGE)
    net.node("ReduceMin", [net.x], "y", noop_with_empty_axes=1)
    pass_through(net, "y")


@pytest.mark.parametrize("operator", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("axis", [1, -1])
@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("keep", [0, 1])
def test_positions(operator, axis, last, keep):
    """Scales so coarse that extremes come several times."""
    net = Net(IMAGE, scale=0.5)
    net.node(operator, [net.x], "y", axis=axis, select_last_index=last, keepdims=keep)
    x = np.random.default_rng(SEED).uniform(-2, 2, IMAGE).astype(np.float32)
    different, count = net.difference("y", kind=TensorProto.INT64, opset=17, x=x)
    assert (different, count) == (0, np.prod(IMAGE) // IMAGE[axis])


BEHIND = {
    "DepthToSpace": (8, {"blocksize": 2}),
    "SpaceToDepth": (2, {"blocksize": 2}),
    "ReduceMax": (8, {"axes": [3]}),
    "ReduceMin": (8, {"axes": [2]}),
    "Pad": (8, {"mode": "reflect"}),
}


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("operator", BEHIND)
def test_between_a_layer_and_its_integers(operator, before, tmp_path):
    """A layer is marked where the runtime has no integer kernel because of what lies between."""
    channels, attributes = BEHIND[operator]
    net = Net((1, channels, 6, 6))
    weights = np.random.default_rng(SEED).integers(-127, 128, (8, channels, 1, 1)).astype(np.int8)
    pads = [net.constant("p", np.array([0, 0, 1, 1, 0, 0, 1, 1]))] if operator == "Pad" else []
    if before:
        net.node(operator, [net.x, *pads], "moved", **attributes)
        depth = 2 if operator == "DepthToSpace" else 8
        kernel = net.weights("w", np.resize(weights, (8, depth, 1, 1)))
        net.node("Conv", ["moved", kernel], "y")
    else:
        net.node("Conv", [net.x, net.weights("w", weights)], "c")
        net.node(operator, ["c", *pads], "y", **attributes)
    data = net.bytes(net.quantized("y", 0.1, 3), opset=17)
    open_ort(data, optimised=tmp_path / "optimised.onnx")
    nodes = onnx.load(tmp_path / "optimised.onnx").graph.node
    graph = import_onnx(data, "m", "onnxruntime", source="m")
    fused = any(node.op_type == "QLinearConv" for node in nodes)
    assert any(graph.in_island(node) for node in graph.nodes) is not fused


def test_every_value_through_an_extreme_of_rows():
    net = Net((1, 1, 2, 128), scale=0.1, zero_point=5)
    net.node("ReduceMax", [net.x], "y", axes=[2])
    pass_through(net, "y", opset=17, x=every_value(net))

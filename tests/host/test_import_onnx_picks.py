"""ONNX's Gather, Tile, Expand, Slice by steps, and Sum, against ONNX Runtime."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from networks.onnx_net import Net, pass_through
from weft.errors import ModelError

SHAPE = (1, 4, 6, 5)


def net_of(operator, *constants, shape=SHAPE, **attributes):
    net = Net(shape)
    names = [net.constant(f"c{i}", np.array(c)) for i, c in enumerate(constants)]
    net.node(operator, [net.x, *names], "y", **attributes)
    return net


@pytest.mark.parametrize("indices", [[-1, 0, 2], 1, [[1, 2], [0, -3]], [3]], ids=str)
@pytest.mark.parametrize("axis", [1, 2, -1])
def test_gather(axis, indices):
    pass_through(net_of("Gather", indices, axis=axis), "y")


def test_gather_along_the_first_dimension():
    pass_through(net_of("Gather", [2, 0, 2], shape=(3, 4, 6, 5)), "y")


@pytest.mark.parametrize("times", [(1, 2, 1, 3), (1, 1, 2, 1), (2, 1, 1, 1), (1, 1, 1, 1)], ids=str)
def test_tile(times):
    pass_through(net_of("Tile", times), "y")


@pytest.mark.parametrize(
    ("shape", "target"),
    [((1, 4, 1, 5), (1, 4, 3, 1)), ((4, 1), (1, 2, 1, 5)), ((1, 4, 1, 1), (3, 1, 2, 2))],
)
def test_expand(shape, target):
    pass_through(net_of("Expand", target, shape=shape), "y")


@pytest.mark.parametrize(
    "bounds",
    [
        ([-1], [-100], [2], [-1]),
        ([0, 1], [1000, 5], [3, 2], [2, 1]),
        ([4, -1], [0, -(2**63)], [-1, 1], [-2, -3]),
    ],
    ids=str,
)
def test_slice_by_steps(bounds):
    pass_through(net_of("Slice", *bounds), "y")


@pytest.mark.parametrize("shape", [(1, 4, 6, 5), (4, 1, 1), (1,)], ids=str)
def test_sum_of_a_tensor_and_a_constant(shape):
    """It has no integer kernel, so that it is left in float."""
    numbers = np.random.default_rng(1).integers(-128, 128, shape).astype(np.int8)
    net = Net(SHAPE)
    net.node("Sum", [net.x, net.weights("w", numbers, 0.05)], "y")
    assert net.difference(net.quantized("y", 0.1, 3))[0] == 0


def test_sum_of_one_tensor_is_that_tensor():
    net = net_of("Sum")
    assert net.difference(net.quantized("y", 0.1, 3))[0] == 0


@pytest.mark.parametrize(
    ("operator", "constants", "text"),
    [
        ("Gather", ([6],), "outside of 4 values"),
        ("Tile", ([1, 0, 1, 1],), "does not fit"),
        ("Tile", ([1, 1, 1, 1 << 30],), "too large"),
        ("Expand", ([1, 3, 6, 5],), "cannot be expanded"),
        ("Slice", ([2], [2], [2], [2]), "is empty"),
    ],
)
def test_what_is_refused(operator, constants, text):
    attributes = {"axis": 1} if operator == "Gather" else {}
    net = net_of(operator, *constants, **attributes)
    with pytest.raises(ModelError, match=text):
        net.difference(net.quantized("y", 0.1, 3))

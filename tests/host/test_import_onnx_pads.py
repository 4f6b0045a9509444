"""Pad in front of AveragePool: where ONNX Runtime makes it a part of the window."""

import numpy as np
import pytest
from onnx import helper

pytest.importorskip("onnxruntime")

from networks.onnx_net import Net
from weft.errors import ModelError

SHAPE = (1, 4, 6, 5)
# Scales whose ties are frequent.
SCALE, ZERO = 0.03, -7
PADS = {
    "rows and columns": [0, 0, 0, 2, 0, 0, 1, 1],
    "channels": [0, 1, 0, 2, 0, 0, 1, 1],
    "nothing": [0] * 8,
}
POOLS = [
    {},
    {"pads": [1, 1, 1, 0]},
    {"pads": [0, 0, 0, 0]},
    {"count_include_pad": 1},
    {"pads": [1, 1, 1, 0], "count_include_pad": 1},
    {"ceil_mode": 1, "strides": [2, 2]},
    {"auto_pad": "SAME_UPPER"},
    {"auto_pad": "VALID"},
]


def padded(pads, number=None):
    net = Net(SHAPE, scale=SCALE, zero_point=ZERO)
    inputs = [net.x, net.constant("pads", np.array(pads))]
    if number is not None:
        inputs.append(net.constant("number", np.float32(number)))
    net.node("Pad", inputs, "p")
    return net


@pytest.mark.parametrize("number", [None, np.float32(SCALE) * np.float32(10)])
@pytest.mark.parametrize("pads", PADS.values(), ids=PADS)
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_average_pool(pool, pads, number):
    net = padded(pads, number)
    net.nodes.append(helper.make_node("AveragePool", ["p"], ["y"], kernel_shape=[2, 3], **pool))
    assert net.difference(net.quantized("y", SCALE, ZERO))[0] == 0


def test_a_number_between_two_steps_is_refused():
    """Nothing quantises what is padded, so that it may not be rounded."""
    net = padded(PADS["rows and columns"], 0.011)
    net.node("GlobalAveragePool", ["p"], "y")
    with pytest.raises(ModelError, match="cannot express"):
        net.difference(net.quantized("y", SCALE, ZERO))

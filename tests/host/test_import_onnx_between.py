"""What stands between an operator and its QuantizeLinear: clamps, movers, nodes without effect."""

from typing import Any

import numpy as np
import onnx
import pytest
import weft
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")

from networks.ort import open_ort

# The runtime pools 8 channels at once, or 16, in another order: as the CPU has it.
SHAPE = (1, 4, 8, 8)
SCALES = {"x": 0.3, "x2": 0.2, "y": 0.2}  # of which many sums are ties
ORDERS = ["clamp", "clamp move", "move clamp", "clamp move move", "clamp move clamp"]


class Graph:
    """An operator on one or two quantised tensors, and what stands behind it."""

    def __init__(self, operator: str, opset: int):
        self.nodes, self.constants, self.opset = [], [], opset
        self.inputs = ["x"] if operator == "AveragePool" else ["x", "x2"]
        for name in self.inputs:
            self.pair(name, name, 3)
        window: dict[str, Any] = (
            {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0]} if len(self.inputs) == 1 else {}
        )
        self.last = self.node(operator, [f"{name}.f" for name in self.inputs], **window)

    def constant(self, value) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, operator, inputs, output="", **attributes) -> str:
        self.last = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [self.last], **attributes))
        return self.last

    def pair(self, source, name, zero_point) -> None:
        edge = [self.constant(np.float32(SCALES[name])), self.constant(np.int8(zero_point))]
        self.node("QuantizeLinear", [source, *edge], f"{name}.q")
        self.node("DequantizeLinear", [f"{name}.q", *edge], f"{name}.f")

    def clamp(self, operator: str) -> None:
        # The greatest number that y expresses, a little less than 255 * float32(0.2).
        bounds = [] if operator == "Relu" else [np.float32(0), np.float32(51)]
        self.node(operator, [self.last, *map(self.constant, bounds)])

    def move(self, operator: str, time: int) -> None:
        if operator == "Reshape":
            self.node("Reshape", [self.last, self.constant([1, 64, -1] if time else [1, 8, -1])])
        elif operator == "Squeeze":
            axes: dict[str, Any] = {"axes": [0]} if self.opset < 13 else {}
            name = self.node("Unsqueeze", [self.last, *self._axes()], **axes)
            self.node("Squeeze", [name, *self._axes()], **axes)
        elif operator == "Transpose":
            self.node("Transpose", [self.last], perm=[0, 2, 3, 1])
        elif operator == "MaxPool":
            self.node("MaxPool", [self.last], kernel_shape=[2, 2])
        else:
            self.node("Tile", [self.last, self.constant([1, 1, 1, 2])])

    def _axes(self) -> list[str]:
        return [] if self.opset < 13 else [self.constant([0])]

    def check(self, zero_point: int = -128) -> None:
        """Hold the model to both sessions of the runtime; within a step in an island."""
        self.pair(self.last, "y", zero_point)
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info(name, 1, SHAPE) for name in self.inputs],
            [onnx.ValueInfoProto(name=self.last)],
            self.constants,
        )
        opsets = [helper.make_opsetid("", self.opset)]
        data = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        rng = np.random.default_rng(3)
        feeds = {name: rng.normal(0, 4, SHAPE).astype(np.float32) for name in self.inputs}
        for rounding in ("onnxruntime", "onnxruntime-uint8"):
            session = weft.InferenceSession(data, rounding=rounding)
            [expected] = open_ort(data, int8=rounding == "onnxruntime").run(None, feeds)
            step = SCALES["y"] * 1.01 if session.graph.islands else 0
            found = session.run(None, feeds)[0]
            np.testing.assert_allclose(found, expected, rtol=0, atol=step)


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("clamp", ["Relu", "Clip"])
@pytest.mark.parametrize("mover", ["Reshape", "Squeeze", "Transpose", "MaxPool", "Tile"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("operator", ["Add", "AveragePool"])
def test_superfluous_clamps_and_movers(operator, order, mover, clamp, opset):
    """The runtime takes a clamp out where it sees the QuantizeLinear behind it."""
    graph = Graph(operator, opset)
    for time, step in enumerate(order.split()):
        if step == "clamp":
            graph.clamp(clamp)
        else:
            graph.move(mover, time == 2)
    graph.check()


@pytest.mark.parametrize("opset", [11, 17])
@pytest.mark.parametrize("operator", ["Add", "Mul", "AveragePool"])
def test_max_pool_behind_an_operator(operator, opset):
    """Up to opset 11 it has no integers, so that the runtime stops there."""
    graph = Graph(operator, opset)
    graph.move("MaxPool", 0)
    graph.check(3)


@pytest.mark.parametrize("opset", [11, 17])
def test_max_pool_in_front_of_an_operator(opset):
    graph = Graph("AveragePool", opset)
    pool = graph.nodes.pop()
    graph.node("MaxPool", ["x.f"], kernel_shape=[2, 2])
    graph.node("AveragePool", [graph.last], "pooled", kernel_shape=[2, 2])
    assert pool.op_type == "AveragePool"
    graph.check(3)


@pytest.mark.parametrize("place", ["in front", "behind"])
@pytest.mark.parametrize(
    ("operator", "constant"),
    [
        ("Add", np.float32(0)),
        ("Sub", np.array([0], np.float32)),
        ("Mul", np.float32(1)),
        ("Div", np.float32(1)),
        ("Mul", np.array([[1]], np.float32)),
        ("Mul", np.float32(-1)),
        ("Expand", np.array(SHAPE)),
        ("Expand", np.array([1])),
    ],
)
def test_nodes_without_effect(operator, constant, place):
    graph = Graph("Add", 17)
    if place == "behind":
        graph.node(operator, [graph.last, graph.constant(constant)])
    else:
        graph.nodes.pop()
        graph.node(operator, ["x.f", graph.constant(constant)])
        graph.node("Add", [graph.last, "x2.f"])
    graph.check(3)


def test_one_on_the_left_does_not_divide():
    graph = Graph("Add", 17)
    graph.node("Mul", [graph.constant(np.float32(1)), graph.last])
    graph.node("Sub", [graph.constant(np.float32(0)), graph.last])
    graph.check(3)

"""Who reads a tensor decides whether ONNX Runtime has an integer kernel: in both its sessions."""

from typing import Any

import numpy as np
import onnx
import pytest
import weft
from onnx import helper, numpy_helper

pytest.importorskip("onnxruntime")

from networks.ort import open_ort

SIDES = (8, 8, 8)
SCALES = {"x": 0.3, "x2": 0.2, "y": 0.2}  # of which many sums are ties


class Graph:
    """The sum ``y`` of two quantised inputs, and ``y.f``, what it is once quantised."""

    def __init__(self, batch):
        self.nodes, self.constants = [], []
        self.shape = (batch, *SIDES)
        for name in ("x", "x2"):
            self.pair(name, name)
        self.node("Add", ["x.f", "x2.f"], "y")
        self.pair("y", "y")

    def constant(self, value) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def node(self, operator, inputs, output="", **attributes) -> str:
        output = output or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def pair(self, source, name) -> str:
        edge = [self.constant(np.float32(SCALES.get(name, 0.1))), self.constant(np.int8(3))]
        self.node("QuantizeLinear", [source, *edge], f"{name}.q")
        return self.node("DequantizeLinear", [f"{name}.q", *edge], f"{name}.f")

    def size(self, name, axis) -> str:
        gathered = self.node("Gather", [self.node("Shape", [name]), self.constant(axis)])
        return self.node("Unsqueeze", [gathered, self.constant([0])])

    def reshaped(self, *target) -> str:
        parts = [x if isinstance(x, str) else self.constant([x]) for x in target]
        return self.node("Reshape", ["y.f", self.node("Concat", parts, axis=0)])

    def check(self, output: str, *, fused: bool | None = None) -> None:
        """Hold the model to both sessions of the runtime."""
        inputs = [helper.make_tensor_value_info(x, 1, self.shape) for x in ("x", "x2")]
        outputs = [onnx.ValueInfoProto(name=output)]
        graph = helper.make_graph(self.nodes, "g", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", 17)]
        data = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
        rng = np.random.default_rng(3)
        feeds = {x: rng.normal(0, 4, (2, *SIDES)).astype(np.float32) for x in ("x", "x2")}
        for rounding in ("onnxruntime", "onnxruntime-uint8"):
            session = weft.InferenceSession(data, rounding=rounding)
            [expected] = open_ort(data, int8=rounding == "onnxruntime").run(None, feeds)
            np.testing.assert_array_equal(session.run(None, feeds)[0], expected)
            if fused is not None:
                [added] = [node for node in session.graph.nodes if node.operator == "ADD"]
                assert ("real" not in added.attributes) is fused


@pytest.mark.parametrize("operator", ["Relu", "Identity", "Dropout", "Shape", "Cast", "Transpose"])
@pytest.mark.parametrize("place", ["x.f", "y"])
def test_a_reader_that_nothing_needs(operator, place):
    """The runtime leaves it where it is, but for copies and shapes."""
    graph = Graph(2)
    attributes: dict[str, Any] = {"to": 1} if operator == "Cast" else {}
    graph.node(operator, [place], **attributes)
    graph.check("y.f", fused=None if place == "x.f" else operator not in ("Relu", "Transpose"))


def test_a_second_quantisation_that_nothing_needs():
    graph = Graph(2)
    graph.pair("y", "other")
    graph.check("y.f", fused=False)


@pytest.mark.parametrize("place", ["x.f", "y", "y.f"])
@pytest.mark.parametrize("batch", [2, "n"])
def test_the_target_of_a_reshape(batch, place):
    """As ``view(x.size(0), -1)`` is exported: the runtime writes 0 and -1."""
    graph = Graph(batch)
    graph.check(graph.reshaped(graph.size(place, 0), -1))


TARGETS = {
    "sizes in place": lambda g: g.reshaped(g.size("y", 0), g.size("y", 1), -1),
    "one size elsewhere": lambda g: g.reshaped(512, g.size("y", 0)),
    "one size elsewhere and -1": lambda g: g.reshaped(g.size("y", 1), -1, 1),
    "a size from behind": lambda g: g.reshaped(g.size("y", -4), -1),
    "a product": lambda g: g.reshaped(
        g.size("y", 0), g.node("Mul", [g.size("y", 1), g.size("y", 2)]), 8
    ),
    "a product and -1": lambda g: g.reshaped(-1, g.node("Mul", [g.size("y", 2), g.size("y", 3)])),
    "a part": lambda g: g.reshaped(g.node("Shape", ["y"], start=0, end=1), 512),
    "a part and -1": lambda g: g.reshaped(g.node("Shape", ["y"], start=0, end=1), -1),
    "two of them": lambda g: g.reshaped(
        g.node("Slice", [g.node("Shape", ["y"]), g.constant([0]), g.constant([2])]), -1
    ),
    "the whole": lambda g: g.node("Reshape", ["y.f", g.node("Shape", ["y"])]),
    "-1 that is computed": lambda g: g.reshaped(
        g.size("y", 0), g.node("Unsqueeze", [g.constant(-1), g.constant([0])])
    ),
}


@pytest.mark.parametrize("target", TARGETS)
def test_targets_with_an_open_batch(target):
    graph = Graph("n")
    graph.check(TARGETS[target](graph))

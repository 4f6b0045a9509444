"""One ONNX operator between Q-DQ pairs, in every form in which exporters write them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

__all__ = ["Edge", "group"]

SEED = 3


@dataclass(frozen=True)
class Edge:
    """Scale, int8 zero point, type, and the shape of scale and zero point."""

    scale: float
    zero_point: int = 0
    kind: str = "int8"
    shape: tuple[int, ...] = ()


@dataclass
class _Nodes:
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def edge(self, name: str, edge: Edge) -> list[str]:
        zero = edge.zero_point + (128 if edge.kind == "uint8" else 0)
        return [
            self.constant(f"{name}.s", np.full(edge.shape, edge.scale, np.float32)),
            self.constant(f"{name}.z", np.full(edge.shape, zero, edge.kind)),
        ]

    def pair(self, x: str, edge: Edge, name: str) -> str:
        names = self.edge(name, edge)
        self.nodes.append(helper.make_node("QuantizeLinear", [x, *names], [f"{name}.q"]))
        self.nodes.append(helper.make_node("DequantizeLinear", [f"{name}.q", *names], [name]))
        return name

    def weights(self, name: str, shape: tuple[int, ...], edge: Edge) -> str:
        values = np.random.default_rng(SEED).integers(-64, 64, shape)
        if edge.kind == "uint8":
            values += 128
        names = [self.constant(name, values.astype(edge.kind)), *self.edge(name, edge)]
        self.nodes.append(helper.make_node("DequantizeLinear", names, [f"{name}.f"]))
        return f"{name}.f"


def group(
    operator: str,
    inputs: list[Edge],
    outputs: list[Edge],
    shape: tuple[int, ...],
    *,
    weights: tuple[tuple[int, ...], Edge] | None = None,
    bias: tuple[int, float] | None = None,
    relu: bool = False,
    **attributes: Any,
) -> bytes:
    """Return a model: ``operator`` on inputs of ``shape``, quantised once for each of ``outputs``.

    ``weights``: shape and edge of a constant operand; ``bias``: length and scale of another.
    """
    net = _Nodes()
    names = [f"x{i}" for i in range(len(inputs))]
    operands = [net.pair(n, e, f"{n}.f") for n, e in zip(names, inputs, strict=True)]
    if weights is not None:
        operands.append(net.weights("w", *weights))
    if bias is not None:
        length, scale = bias
        steps = np.random.default_rng(SEED).integers(-300, 300, length).astype(np.int32)
        parts = [net.constant("b", steps), net.constant("b.s", np.float32(scale))]
        parts.append(net.constant("b.z", np.int32(0)))
        net.nodes.append(helper.make_node("DequantizeLinear", parts, ["b.f"]))
        operands.append("b.f")
    net.nodes.append(helper.make_node(operator, operands, ["real"], **attributes))
    last = "real"
    if relu:
        net.nodes.append(helper.make_node("Relu", ["real"], ["kept"]))
        last = "kept"
    results = [net.pair(last, edge, f"y{i}") for i, edge in enumerate(outputs)]
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        net.nodes,
        operator,
        [helper.make_tensor_value_info(n, floats, shape) for n in names],
        [helper.make_tensor_value_info(n, floats, None) for n in results],
        net.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model).SerializeToString()

"""Collects the nodes and constants of an ONNX model, in the style of one opset and one exporter."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

from networks.plan import Layer, Plan, QParams

__all__ = ["CONTRIB", "Style", "Writer", "nchw", "onnx_weights", "window"]

CONTRIB = "com.microsoft"


@dataclass(frozen=True)
class Style:
    """How a model says what others say in another way.

    ``domain`` is that of QuantizeLinear and DequantizeLinear, ``alias`` the name of ONNX's own.
    With ``attributes`` they have those of their opset, without zero points where these are 0. With
    ``kept`` an activation stays in front of a QuantizeLinear that would clamp less. ``biases``
    have scales, zero points and types of their own. ``reshaped`` edges are no images.
    """

    opset: int = 17
    domain: str = ""
    alias: str = ""
    attributes: bool = False
    kept: bool = False
    biases: bool = False
    reshaped: bool = False

    @property
    def per_channel(self) -> bool:
        """Whether weights may have a scale for each channel."""
        return self.opset >= 13 or self.domain == CONTRIB


def nchw(shape) -> list[int]:
    return [shape[0], shape[3], shape[1], shape[2]] if len(shape) == 4 else list(shape)


def onnx_weights(layer: Layer) -> np.ndarray:
    """Weights (out, in / groups, height, width), or (out, in) of a fully connected layer."""
    data = layer.options["weights"]
    if data.ndim == 2:
        return data
    return np.ascontiguousarray(data.transpose(0, 3, 1, 2))


def window(options) -> dict[str, Any]:
    top, bottom, left, right = options["padding"]
    result = {
        "kernel_shape": list(options["kernel"]),
        "strides": list(options["stride"]),
        "pads": [top, left, bottom, right],
    }
    if options["dilation"] != (1, 1):
        result["dilations"] = list(options["dilation"])
    return result


class Writer:
    def __init__(self, plan: Plan, unsigned: bool, style: Style | None = None):
        self.plan, self.unsigned, self.style = plan, unsigned, style or Style()
        self.nodes, self.initializers = [], []
        self.dtype: Any = np.dtype(np.uint8 if unsigned else np.int8)
        self.rng = np.random.default_rng(plan.seed)  # of what a plan leaves open

    @property
    def opset(self) -> int:
        return self.style.opset

    @property
    def attributes(self) -> bool:
        """Whether QuantizeLinear and DequantizeLinear have the attributes of their opset."""
        return self.style.attributes and self.style.domain != CONTRIB

    def constant(self, name: str, data: ArrayLike) -> str:
        self.initializers.append(numpy_helper.from_array(np.array(data, order="C"), name))
        return name

    def node(self, operator, inputs, output, domain: str | None = None, **attributes: Any) -> str:
        domain = self.style.alias if domain is None else domain
        node = helper.make_node(
            operator, inputs, [output], name=f"{output}/{operator}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return output

    def quantize(self, source: str, parameters: list[str], output: str) -> str:
        """Add QuantizeLinear."""
        attributes = {}
        if len(parameters) == 1:
            attributes["output_dtype"] = helper.np_dtype_to_tensor_dtype(self.dtype)
        if self.attributes and self.opset >= 23:
            attributes["precision"] = TensorProto.FLOAT
        domain = self.style.domain or None
        return self.node("QuantizeLinear", [source, *parameters], output, domain, **attributes)

    def dequantize(self, source: str, parameters: list[str], output: str, **axis: int) -> str:
        """Add DequantizeLinear."""
        attributes: dict[str, int] = dict(axis)
        if self.attributes and self.opset >= 23:
            attributes["output_dtype"] = TensorProto.FLOAT
        domain = self.style.domain or None
        return self.node("DequantizeLinear", [source, *parameters], output, domain, **attributes)

    def step(self, name: str, step: QParams) -> list[str]:
        zero_point = step.zero_point + (128 if self.unsigned else 0)
        scale = self.constant(f"{name}/scale", np.array(step.scale, np.float32))
        # ONNX Runtime's integer kernels take an absent zero point for one of uint8.
        if zero_point == 0 and self.unsigned and self.attributes and self.opset >= 21:
            return [scale]
        return [scale, self.constant(f"{name}/zero_point", np.array(zero_point, self.dtype))]

    def scales(self, name: str, scales: list[float], zero: int = 0) -> list[str]:
        scalar = len(scales) == 1
        data = np.array(scales[0] if scalar else scales, np.float32)
        return [
            self.constant(f"{name}/scale", data),
            self.constant(f"{name}/zero_point", np.full(data.shape, zero, np.int8)),
        ]

    def operand(self, layer: Layer) -> np.ndarray:
        """A constant operand in ONNX's order of dimensions and the model's type."""
        data = layer.options["constant"]
        rank = len(layer.shape)
        data = data.reshape((1,) * (rank - data.ndim) + data.shape)
        if rank == 4:
            data = data.transpose(0, 3, 1, 2)
        return (data.astype(np.int16) + 128).astype(np.uint8) if self.unsigned else data

    def model(self, inputs, outputs) -> bytes:
        graph = helper.make_graph(self.nodes, "random", inputs, outputs, self.initializers)
        opset = self.opset
        if any(node.op_type == "Gelu" for node in self.nodes):
            opset = max(opset, 20)  # it came with that one
        opsets = [helper.make_opsetid(self.style.alias, opset), helper.make_opsetid(CONTRIB, 1)]
        version = 9 if opset < 21 else 10 if opset < 23 else 11
        model = helper.make_model(graph, opset_imports=opsets, ir_version=version)
        if not self.style.alias:  # the checker knows none, ONNX Runtime does
            onnx.checker.check_model(model)
        return model.SerializeToString()

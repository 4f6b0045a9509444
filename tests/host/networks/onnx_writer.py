"""Writes a plan as an ONNX model, in QDQ or QOperator format."""

from collections.abc import Container
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from networks.plan import Layer, Plan, Step

__all__ = ["KINDS", "QOPERATOR_KINDS", "nchw", "write_qdq", "write_qoperator"]

KINDS = {
    "conv": 8,
    "depthwise": 5,
    "grouped": 1,
    "residual": 3,
    "branch": 2,
    "max_pool": 2,
    "average_pool": 2,
    "mean": 2,
    "add_constant": 1,
    "gate": 1,
    "mul_constant": 1,
    "logistic": 1,
    "leaky_relu": 1,
    "resize": 1,
    "softmax": 1,
    "squeeze": 1,
    "silu": 1,
    "difference": 1,
    "tanh": 1,
    "elu": 1,
    "hard_swish": 1,
    "gelu": 1,
    "pad": 1,
    "transpose_conv": 1,
}
# What has no operator on quantised tensors is float between them, in QDQ models alone.
FLOATS = {"tanh": "Tanh", "elu": "Elu", "hard_swish": "HardSwish", "gelu": "Gelu"}
QOPERATOR_KINDS = {
    name: weight
    for name, weight in KINDS.items()
    if name not in (*FLOATS, "resize", "difference", "pad", "transpose_conv")
}

CLIPS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}


def nchw(shape) -> list[int]:
    return [shape[0], shape[3], shape[1], shape[2]] if len(shape) == 4 else list(shape)


def onnx_weights(layer: Layer) -> np.ndarray:
    """Weights (out, in / groups, height, width), or (out, in) of a fully connected layer."""
    data = layer.options["weights"]
    if data.ndim == 2:
        return data
    return np.ascontiguousarray(data.transpose(0, 3, 1, 2))


class Writer:
    def __init__(self, plan: Plan, unsigned: bool):
        self.plan, self.unsigned = plan, unsigned
        self.nodes, self.initializers = [], []
        self.dtype = np.uint8 if unsigned else np.int8

    def constant(self, name: str, data: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.array(data, order="C"), name))
        return name

    def node(self, operator, inputs, output, domain="", **attributes: Any) -> str:
        node = helper.make_node(
            operator, inputs, [output], name=f"{output}/{operator}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return output

    def step(self, name: str, step: Step) -> list[str]:
        zero_point = step.zero_point + (128 if self.unsigned else 0)
        return [
            self.constant(f"{name}/scale", np.array(step.scale, np.float32)),
            self.constant(f"{name}/zero_point", np.array(zero_point, self.dtype)),
        ]

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
        # Gelu came with opset 20.
        opset = 20 if any(node.op_type == "Gelu" for node in self.nodes) else 17
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
        onnx.checker.check_model(model)
        return model.SerializeToString()


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


WEIGHTED = ("conv", "grouped", "depthwise", "fully_connected", "transpose_conv")


def write_qdq(plan: Plan, unsigned: bool, left: Container[int] = ()) -> bytes:
    """Return a model with float32 NCHW edges; value k of the plan is quantised as ``q{k}``.

    Values ``left`` stay in float. A layer with weights still reads integers: those of value k, read
    by layer l, are ``q{1000 * l + k}``.
    """
    w = Writer(plan, unsigned)
    edge = helper.make_tensor_value_info("input", TensorProto.FLOAT, nchw(plan.shape))
    parameters = w.step("s0", plan.step)
    w.node("QuantizeLinear", ["input", *parameters], "q0")
    floats = [w.node("DequantizeLinear", ["q0", *parameters], "f0")]
    for index, layer in enumerate(plan.layers, 1):
        sources = [floats[i] for i in layer.inputs]
        for position, value in enumerate(layer.inputs):
            if value in left and layer.kind in WEIGHTED:
                number = 1000 * index + value
                parameters = w.step(f"s{number}", plan.step_of(value))
                w.node("QuantizeLinear", [sources[position], *parameters], f"q{number}")
                sources[position] = w.node(
                    "DequantizeLinear", [f"q{number}", *parameters], f"f{number}"
                )
        result = _float_layer(w, plan, layer, index, sources, bare=index in left)
        if index in left and index < len(plan.layers):
            floats.append(result)
            continue
        parameters = w.step(f"s{index}", layer.step)
        w.node("QuantizeLinear", [result, *parameters], f"q{index}")
        floats.append(w.node("DequantizeLinear", [f"q{index}", *parameters], f"f{index}"))
    shape = nchw(plan.layers[-1].shape)
    output = helper.make_tensor_value_info(floats[-1], TensorProto.FLOAT, shape)
    return w.model([edge], [output])


def _dequantized_weights(w: Writer, plan: Plan, layer: Layer, name: str) -> list[str]:
    data, scales = onnx_weights(layer), layer.options["scales"]
    parameters = w.scales(f"{name}/w", scales, layer.options.get("weight_zero", 0))
    transposed = layer.kind == "transpose_conv"
    if transposed:
        data = np.ascontiguousarray(data.transpose(1, 0, 2, 3))
    axis: dict[str, Any] = {"axis": int(transposed)} if len(scales) > 1 else {}
    kernel = w.constant(f"{name}/weights", data)
    result = [w.node("DequantizeLinear", [kernel, *parameters], f"{name}/wf", **axis)]
    bias = layer.options["bias"]
    if bias is not None:
        scale = np.float32(plan.step_of(layer.inputs[0]).scale)
        products = scale * np.array(scales, np.float32)
        products = np.broadcast_to(products, bias.shape) if len(scales) > 1 else products[0]
        scale_name = w.constant(f"{name}/bias_scale", np.array(products, np.float32))
        zero = w.constant(f"{name}/bias_zero", np.zeros(np.shape(products), np.int32))
        values = w.constant(f"{name}/bias", bias)
        along: dict[str, Any] = {"axis": 0} if len(scales) > 1 else {}
        result.append(w.node("DequantizeLinear", [values, scale_name, zero], f"{name}/bf", **along))
    return result


def _float_layer(
    w: Writer, plan: Plan, layer: Layer, index: int, sources: list[str], *, bare: bool = False
) -> str:
    name, kind, options = f"v{index}", layer.kind, layer.options
    if kind in ("conv", "grouped", "depthwise"):
        inputs = [*sources, *_dequantized_weights(w, plan, layer, name)]
        result = w.node("Conv", inputs, name, group=options["groups"], **window(options))
    elif kind == "fully_connected":
        inputs = [*sources, *_dequantized_weights(w, plan, layer, name)]
        result = w.node("Gemm", inputs, name, transB=1)
    elif kind == "transpose_conv":
        inputs = [*sources, *_dequantized_weights(w, plan, layer, name)]
        top, bottom, left, right = _transposed_pads(plan, layer)
        result = w.node(
            "ConvTranspose",
            inputs,
            name,
            strides=list(options["stride"]),
            pads=[top, left, bottom, right],
        )
    elif kind == "pad":
        pairs = options["paddings"]
        pads = [0, 0, pairs[1][0], pairs[2][0], 0, 0, pairs[1][1], pairs[2][1]]
        inputs = [*sources, w.constant(f"{name}/p", np.array(pads))]
        if options["value"] is not None:
            real = (options["value"] - layer.step.zero_point) * layer.step.scale
            inputs.append(w.constant(f"{name}/value", np.array(real, np.float32)))
        result = w.node("Pad", inputs, name)
    elif kind == "gelu":
        approximate = "tanh" if options["approximate"] else "none"
        result = w.node("Gelu", sources, name, approximate=approximate)
    elif kind in FLOATS:
        result = w.node(FLOATS[kind], sources, name)
    elif kind in ("add", "mul", "sub"):
        if "constant" in options:
            data = w.constant(f"{name}/c", w.operand(layer))
            parameters = w.step(f"{name}/cs", options["constant_step"])
            sources = [*sources, w.node("DequantizeLinear", [data, *parameters], f"{name}/cf")]
        result = w.node(kind.capitalize(), sources, name)
    elif kind == "max_pool":
        result = w.node("MaxPool", sources, name, **window(options))
    elif kind == "average_pool":
        result = w.node("AveragePool", sources, name, **window(options))
    elif kind == "mean":
        result = w.node("GlobalAveragePool", sources, name)
    elif kind == "concat":
        result = w.node("Concat", sources, name, axis=1)
    elif kind == "flatten":
        result = w.node("Flatten", sources, name, axis=1)
    elif kind == "logistic":
        result = w.node("Sigmoid", sources, name)
    elif kind == "leaky_relu":
        result = w.node("LeakyRelu", sources, name, alpha=options["alpha"])
    elif kind == "softmax":
        result = w.node("Softmax", sources, name, axis=-1)
    elif kind == "resize":
        factor = layer.shape[1] / plan.shape_of(layer.inputs[0])[1]
        scales = w.constant(f"{name}/factors", np.array([1, 1, factor, factor], np.float32))
        result = w.node(
            "Resize",
            [*sources, "", scales],
            name,
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        )
    else:
        raise NotImplementedError(kind)
    # ONNX Runtime fuses a Relu only where the zero point clamps at zero by itself.
    if options.get("activation", "NONE") == "RELU" and (bare or layer.step.zero_point == -128):
        result = w.node("Relu", [result], f"{name}/relu")
    return result


def _transposed_pads(plan: Plan, layer: Layer) -> list[int]:
    """Padding that cuts a transposed convolution to the plan's size."""
    padding = []
    for axis in (0, 1):
        full = (plan.shape_of(layer.inputs[0])[1 + axis] - 1) * layer.options["stride"][axis]
        total = full + layer.options["kernel"][axis] - layer.shape[1 + axis]
        padding += [total // 2, total - total // 2]
    return padding


def write_qoperator(plan: Plan, unsigned: bool) -> bytes:
    """Return a model whose edges have the model's own 8-bit type; value k is ``q{k}``."""
    w = Writer(plan, unsigned)
    kind = TensorProto.UINT8 if unsigned else TensorProto.INT8
    edge = helper.make_tensor_value_info("q0", kind, nchw(plan.shape))
    parameters = [w.step("s0", plan.step)]
    for index, layer in enumerate(plan.layers, 1):
        parameters.append(w.step(f"s{index}", layer.step))
        _quantized_layer(w, plan, layer, index, parameters)
    last = len(plan.layers)
    output = helper.make_tensor_value_info(f"q{last}", kind, nchw(plan.layers[-1].shape))
    return w.model([edge], [output])


def _quantized_layer(w: Writer, plan: Plan, layer: Layer, index: int, steps) -> None:
    name, kind, options, result = f"v{index}", layer.kind, layer.options, f"q{index}"
    sources = [[f"q{i}", *steps[i]] for i in layer.inputs]
    own = steps[index]
    if kind in ("conv", "grouped", "depthwise", "fully_connected"):
        data = w.constant(f"{name}/weights", onnx_weights(layer))
        zero = options.get("weight_zero", 0)
        weights = [data, *w.scales(f"{name}/w", options["scales"], zero)]
        bias = options["bias"]
        values = [w.constant(f"{name}/bias", bias)] if bias is not None else []
        if kind == "fully_connected":
            inputs = [*sources[0], *weights, *(values or [""]), *own]
            w.node("QGemm", inputs, result, "com.microsoft", transB=1, alpha=1.0)
        else:
            inputs = [*sources[0], *weights, *own, *values]
            w.node("QLinearConv", inputs, result, group=options["groups"], **window(options))
    elif kind in ("add", "mul"):
        if "constant" in options:
            data = w.constant(f"{name}/c", w.operand(layer))
            sources.append([data, *w.step(f"{name}/cs", options["constant_step"])])
        inputs = [*sources[0], *sources[1], *own]
        w.node(f"QLinear{kind.capitalize()}", inputs, result, "com.microsoft")
    elif kind == "max_pool":
        w.node("MaxPool", sources[0][:1], result, **window(options))
    elif kind == "average_pool":
        inputs = [*sources[0], *own]
        w.node("QLinearAveragePool", inputs, result, "com.microsoft", **window(options))
    elif kind == "mean":
        w.node("QLinearGlobalAveragePool", [*sources[0], *own], result, "com.microsoft")
    elif kind == "concat":
        inputs = [*own, *(x for source in sources for x in source)]
        w.node("QLinearConcat", inputs, result, "com.microsoft", axis=1)
    elif kind == "flatten":
        w.node("Flatten", sources[0][:1], result, axis=1)
    elif kind == "logistic":
        w.node("QLinearSigmoid", [*sources[0], *own], result, "com.microsoft")
    elif kind == "leaky_relu":
        inputs = [*sources[0], *own]
        w.node("QLinearLeakyRelu", inputs, result, "com.microsoft", alpha=options["alpha"])
    elif kind == "softmax":
        w.node("QLinearSoftmax", [*sources[0], *own], result, "com.microsoft", axis=-1, opset=17)
    else:
        raise NotImplementedError(kind)

"""Writes a plan as an ONNX model with QuantizeLinear and DequantizeLinear."""

from collections.abc import Container
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from networks.onnx_edges import as_image, as_output
from networks.onnx_nodes import CONTRIB, Style, Writer, nchw, onnx_weights, window
from networks.plan import Layer, Plan

__all__ = ["FLOATS", "KINDS", "write_qdq"]

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
WEIGHTED = ("conv", "grouped", "depthwise", "fully_connected", "transpose_conv")
CLIPS = {"RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}
_AXES = (0, 2, 3, 1)  # where each dimension of NHWC lies in NCHW


def write_qdq(
    plan: Plan, unsigned: bool, left: Container[int] = (), style: Style | None = None
) -> bytes:
    """Return a model with float32 edges; value k of the plan is quantised as ``q{k}``.

    Values ``left`` stay in float. A layer with weights still reads integers: those of value k, read
    by layer l, are ``q{1000 * l + k}``.
    """
    w = Writer(plan, unsigned, style)
    shape, image = as_image(w)
    edge = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    parameters = w.step("s0", plan.step)
    w.quantize("input", parameters, "q0")
    floats = [image(w.dequantize("q0", parameters, "f0"))]
    for index, layer in enumerate(plan.layers, 1):
        sources = [floats[i] for i in layer.inputs]
        for position, value in enumerate(layer.inputs):
            if value in left and layer.kind in WEIGHTED:
                number = 1000 * index + value
                parameters = w.step(f"s{number}", plan.step_of(value))
                w.quantize(sources[position], parameters, f"q{number}")
                sources[position] = w.dequantize(f"q{number}", parameters, f"f{number}")
        result = _float_layer(w, plan, layer, index, sources)
        result = _activated(w, layer, index, result, bare=index in left)
        if index in left and index < len(plan.layers):
            floats.append(result)
            continue
        parameters = w.step(f"s{index}", layer.step)
        w.quantize(result, parameters, f"q{index}")
        floats.append(w.dequantize(f"q{index}", parameters, f"f{index}"))
    name, shape = as_output(w, floats[-1])
    return w.model([edge], [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)])


def _dequantized_weights(w: Writer, plan: Plan, layer: Layer, name: str) -> list[str]:
    data, scales = onnx_weights(layer), layer.options["scales"]
    parameters = w.scales(f"{name}/w", scales, layer.options.get("weight_zero", 0))
    transposed = layer.kind == "transpose_conv"
    if transposed:
        data = np.ascontiguousarray(data.transpose(1, 0, 2, 3))
    axis: dict[str, Any] = {"axis": int(transposed)} if len(scales) > 1 else {}
    if not axis and w.style.domain == CONTRIB:
        axis = {"axis": 0}  # it has no meaning, but ONNX Runtime's own operator looks at it
    kernel = w.constant(f"{name}/weights", data)
    result = [w.dequantize(kernel, parameters, f"{name}/wf", **axis)]
    bias = layer.options["bias"]
    if bias is None and layer.kind == "fully_connected" and w.opset < 11:  # it was needed
        bias = np.zeros(len(data), np.int32)
    if bias is not None:
        scale = np.float32(plan.step_of(layer.inputs[0]).scale)
        products = np.array(scale * np.array(scales, np.float32), np.float32)
        # ONNX Runtime quantises a real bias by Round, which came with opset 11, and then writes
        # a DequantizeLinear with an axis, which came with opset 13, if the weights have scales.
        oldest = 13 if w.style.domain == CONTRIB else 11
        forms = ("int32", "scaled", "narrow", "float")[: None if w.opset >= oldest else -1]
        form = w.rng.choice(forms) if w.style.biases else "int32"
        result.append(_bias(w, bias, products, form, name))
    return result


def _bias(w: Writer, bias: np.ndarray, products: np.ndarray, form: str, name: str) -> str:
    """Add int32 in steps of the accumulator, or one of a form of its own."""
    scales = np.broadcast_to(products, bias.shape) if products.size > 1 else products[0]
    zero = np.zeros(np.shape(scales), np.int32)
    if form == "float":
        return w.constant(f"{name}/bias", (bias * scales).astype(np.float32))
    if form == "scaled":
        factor = np.float32(w.rng.choice([1.004, 3.0, 0.25, 7.3]))
        scales, bias = scales * factor, np.rint(bias / factor).astype(np.int32)
    if form == "narrow":
        dtype = np.dtype(w.rng.choice(["int8", "uint8"]))
        limits = np.iinfo(dtype)
        zero = np.full(np.shape(scales), w.rng.integers(limits.min, limits.max + 1), dtype)
        factor = np.float32(max(np.abs(bias).max() / 100, 1))
        scales = scales * factor
        bias = np.clip(np.rint(bias / factor) + zero, limits.min, limits.max).astype(dtype)
    scale_name = w.constant(f"{name}/bias_scale", np.array(scales, np.float32))
    zero_name = w.constant(f"{name}/bias_zero", zero)
    along: dict[str, Any] = {"axis": 0} if np.ndim(scales) or w.style.domain == CONTRIB else {}
    values = w.constant(f"{name}/bias", bias)
    return w.dequantize(values, [scale_name, zero_name], f"{name}/bf", **along)


def _float_layer(w: Writer, plan: Plan, layer: Layer, index: int, sources: list[str]) -> str:
    name, kind, options = f"v{index}", layer.kind, layer.options
    if kind in WEIGHTED:
        sources = [*sources, *_dequantized_weights(w, plan, layer, name)]
    if kind in ("conv", "grouped", "depthwise"):
        return w.node("Conv", sources, name, group=options["groups"], **window(options))
    if kind == "fully_connected":
        return w.node("Gemm", sources, name, transB=1)
    if kind == "transpose_conv":
        top, bottom, left, right = _transposed_pads(plan, layer)
        pads, strides = [top, left, bottom, right], list(options["stride"])
        return w.node("ConvTranspose", sources, name, strides=strides, pads=pads)
    if kind == "node":
        return _node(w, layer, name, sources)
    if kind == "pad":
        return _pad(w, layer, name, sources)
    if kind == "gelu":
        approximate = "tanh" if options["approximate"] else "none"
        return w.node("Gelu", sources, name, approximate=approximate)
    if kind == "hard_swish" and w.opset < 14:
        gate = w.node("HardSigmoid", sources, f"{name}/gate", alpha=1 / 6, beta=0.5)
        return w.node("Mul", [*sources, gate], name)
    if kind in FLOATS:
        return w.node(FLOATS[kind], sources, name)
    if kind in ("add", "mul", "sub"):
        if "constant" in options:
            data = w.constant(f"{name}/c", w.operand(layer))
            parameters = w.step(f"{name}/cs", options["constant_step"])
            sources = [*sources, w.dequantize(data, parameters, f"{name}/cf")]
        return w.node(kind.capitalize(), sources, name)
    if kind == "max_pool":
        return w.node("MaxPool", sources, name, **window(options))
    if kind == "average_pool":
        return w.node("AveragePool", sources, name, **window(options))
    if kind == "mean":
        return w.node("GlobalAveragePool", sources, name)
    if kind == "concat":
        return w.node("Concat", sources, name, axis=_AXES[options["axis"]])
    if kind == "flatten":
        return w.node("Flatten", sources, name, axis=1)
    if kind == "reshape":
        target = w.constant(f"{name}/shape", np.array(nchw(layer.shape), np.int64))
        return w.node("Reshape", [*sources, target], name)
    if kind == "transpose":
        return w.node("Transpose", sources, name, perm=list(options["permutation"]))
    if kind == "logistic":
        return w.node("Sigmoid", sources, name)
    if kind == "leaky_relu":
        return w.node("LeakyRelu", sources, name, alpha=options["alpha"])
    if kind == "softmax":
        return w.node("Softmax", sources, name, axis=1 if len(layer.shape) == 4 else -1)
    if kind == "resize":
        return _resize(w, plan, layer, name, sources)
    raise NotImplementedError(kind)


def _node(w: Writer, layer: Layer, name: str, sources: list[str]) -> str:
    """Add an operator with its constants; axes are an input from some opset on."""
    options, inputs = layer.options, list(sources)
    attributes = dict(options["attributes"])
    for place, value in enumerate(options["constants"]):
        if value is None:
            inputs.append("")
        elif isinstance(value, tuple):
            data, step = value
            names = w.scales(f"{name}/s{place}", [step.scale], step.zero_point)
            constant = w.constant(f"{name}/c{place}", data)
            inputs.append(w.dequantize(constant, names, f"{name}/f{place}"))
        else:
            inputs.append(w.constant(f"{name}/c{place}", value))
    operator = options["operator"]
    if operator in ("ReduceMax", "ReduceMin") and w.opset >= 18:
        inputs.append(w.constant(f"{name}/axes", np.array(attributes.pop("axes"))))
    return w.node(operator, inputs, name, **attributes)


def _pad(w: Writer, layer: Layer, name: str, sources: list[str]) -> str:
    pairs, number = layer.options["paddings"], layer.options["value"]
    pads = [0, 0, pairs[1][0], pairs[2][0], 0, 0, pairs[1][1], pairs[2][1]]
    real = 0.0 if number is None else (number - layer.step.zero_point) * layer.step.scale
    if w.opset < 11:
        return w.node("Pad", sources, name, pads=pads, value=real)
    inputs = [*sources, w.constant(f"{name}/p", np.array(pads))]
    if number is not None:
        inputs.append(w.constant(f"{name}/value", np.array(real, np.float32)))
    return w.node("Pad", inputs, name)


def _resize(w: Writer, plan: Plan, layer: Layer, name: str, sources: list[str]) -> str:
    factor = layer.shape[1] / plan.shape_of(layer.inputs[0])[1]
    scales = w.constant(f"{name}/factors", np.array([1, 1, factor, factor], np.float32))
    if w.opset < 11:
        return w.node("Resize", [*sources, scales], name, mode="nearest")
    rule = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    # Up to opset 12 the region of interest is there, though nothing reads it.
    region = w.constant(f"{name}/region", np.zeros(0, np.float32)) if w.opset < 13 else ""
    return w.node("Resize", [*sources, region, scales], name, mode="nearest", **rule)


def _activated(w: Writer, layer: Layer, index: int, result: str, *, bare: bool) -> str:
    """Add the activation behind a layer."""
    activation = layer.options.get("activation", "NONE")
    # ONNX Runtime fuses a Relu only where the zero point clamps at zero by itself.
    plain = bare or layer.step.zero_point == -128
    if activation == "NONE" or not (w.style.kept or (activation == "RELU" and plain)):
        return result
    name = f"v{index}/active"
    if activation == "RELU":
        return w.node("Relu", [result], name)
    low, high = CLIPS[activation]
    if w.opset < 11:
        return w.node("Clip", [result], name, min=low, max=high)
    bounds = [
        w.constant(f"{name}/{key}", np.float32(x)) for key, x in (("min", low), ("max", high))
    ]
    return w.node("Clip", [result, *bounds], name)


def _transposed_pads(plan: Plan, layer: Layer) -> list[int]:
    """Padding that cuts a transposed convolution to the plan's size."""
    padding = []
    for axis in (0, 1):
        full = (plan.shape_of(layer.inputs[0])[1 + axis] - 1) * layer.options["stride"][axis]
        total = full + layer.options["kernel"][axis] - layer.shape[1 + axis]
        padding += [total // 2, total - total // 2]
    return padding

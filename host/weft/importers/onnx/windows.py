"""ONNX's convolutions, and what a window over an image is."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.bias import bias_tensor
from weft.importers.onnx.builder import Builder, nhwc_shape
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    real_of,
    take,
)

__all__ = [
    "MAX_SIDE",
    "check_kernel",
    "convolution",
    "has_scales_along",
    "image_of",
    "pair_of",
    "weights_of",
    "window_of",
]

Attributes = Mapping[str, Any]
Window = dict[str, Any]
MAX_SIDE = 1 << 16


def image_of(
    builder: Builder, value: Value | None, operator: str, *, real: bool = True
) -> Activation:
    """Return an operand with its channels last; without ``real`` it must be quantised."""
    if not isinstance(value, Activation) or (value.qparams is None and not real):
        raise ModelError(f"the input of {operator} is not quantised")
    return builder.channels_last(value)


def weights_of(
    value: Value | None, operator: str, *, axis: int, real: bool
) -> tuple[NDArray[Any], Quantization | None]:
    """Return weights and their quantisation, with one scale or one along ``axis``.

    With ``real`` they may be real numbers as well, without quantisation.
    """
    if isinstance(value, QuantizedConstant) and has_scales_along(value, axis):
        return value.data, value.quantization
    if real and isinstance(value, QuantizedConstant):
        return real_of(value), None
    if real and isinstance(value, Constant) and value.data.dtype == np.float32:
        # Of integers they are float64, as those above.
        return (real_of(value) if value.dequantised else value.data), None
    raise ModelError(f"the weights of {operator} must be quantised constants")


def has_scales_along(value: QuantizedConstant, axis: int) -> bool:
    """Whether a constant has one scale, or one for each index of dimension ``axis``."""
    return value.quantization.scale.size == 1 or value.quantization.axis == axis


def pair_of(values: tuple[int, ...], operator: str) -> tuple[int, int]:
    """Two spatial values; a 1-D operator's second one is its only one."""
    if len(values) == 1:
        return 1, values[0]
    if len(values) != 2:
        raise ModelError(f"{operator} with {len(values)} spatial dimensions is not supported")
    return values[0], values[1]


def check_kernel(attributes: Attributes, weights: tuple[int, ...], operator: str) -> None:
    """Refuse a ``kernel_shape`` that is not the weights'."""
    kernel = attributes.get("kernel_shape", weights[2:])
    if tuple(kernel) != tuple(weights[2:]):
        raise ModelError(f"kernel_shape {kernel} of {operator} does not fit weights {weights}")


def window_of(
    attributes: Attributes,
    size: tuple[int, int],
    kernel: tuple[int, int],
    operator: str,
) -> Window:
    """Return stride, dilation and padding of a window over an image of ``size``."""
    stride = pair_of(attributes.get("strides", (1, 1)), operator)
    dilation = pair_of(attributes.get("dilations", (1, 1)), operator)
    pads = attributes.get("pads", (0,) * 4)
    if len(pads) == 2:
        pads = (0, pads[0], 0, pads[1])
    if len(pads) != 4 or min(pads) < 0 or max(pads) > MAX_SIDE:
        raise ModelError(f"pads {pads} of {operator} are not supported")
    if min(*stride, *dilation, *kernel) < 1 or max(*stride, *dilation, *kernel) > MAX_SIDE:
        raise ModelError(f"kernel {kernel}, stride {stride} and dilation {dilation} of {operator}")
    padding = [pads[0], pads[2], pads[1], pads[3]]
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        for axis in (0, 1):
            outputs = -(-size[axis] // stride[axis])
            extent = (kernel[axis] - 1) * dilation[axis] + 1
            total = max(0, (outputs - 1) * stride[axis] + extent - size[axis])
            less, more = total // 2, total - total // 2
            pair = [less, more] if automatic == "SAME_UPPER" else [more, less]
            padding[2 * axis : 2 * axis + 2] = pair
    elif automatic == "VALID":
        padding = [0, 0, 0, 0]
    elif automatic not in ("NOTSET", ""):
        raise ModelError(f"auto_pad {automatic} of {operator} is not supported")
    return {"stride": stride, "dilation": dilation, "padding": tuple(padding)}


def convolution(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str, *, island: bool = False
) -> Activation:
    """Add CONV_2D or, with a group an input channel, DEPTHWISE_CONV_2D.

    Without ``qparams`` its result is real. ``island`` marks what the runtime leaves in float.
    """
    name, attributes, operands, real = layer.name, layer.attributes, layer.operands, qparams is None
    image = image_of(builder, take(operands, 0), "Conv", real=real)
    data, quantization = weights_of(take(operands, 1), "Conv", axis=0, real=real)
    check_kernel(attributes, data.shape, "Conv")
    channels = data.shape[0] if data.shape else 0
    if data.ndim == 3:
        data = data[:, :, None, :]
    if data.ndim != 4 or 0 in data.shape:
        raise ModelError(f"weights of Conv cannot have shape {data.shape}")
    groups = attributes.get("group", 1)
    batch, height, width, depth = nhwc_shape(image.shape)
    if groups < 1 or data.shape[1] * groups != depth or channels % groups:
        raise ModelError(f"weights of shape {data.shape} do not fit {depth} channels")
    window = window_of(attributes, (height, width), (data.shape[2], data.shape[3]), "Conv")
    window["activation"] = layer.activation
    bias = bias_tensor(
        builder,
        name,
        "Conv",
        take(operands, 2),
        quantization,
        image.qparams,
        channels,
        real=real,
        island=island,
    )
    real_bias = qparams is not None and bias is not None and builder.tensors[bias].dtype.kind == "f"
    if island or real_bias:
        window["island"] = True
    if groups == depth and groups > 1:
        layout = data[:, 0].transpose(1, 2, 0)[None]
        if quantization is not None:
            quantization = Quantization(quantization.scale, quantization.zero_point, 3)
        window["depth_multiplier"] = channels // depth
        operator = "DEPTHWISE_CONV_2D"
    else:
        layout = data.transpose(0, 2, 3, 1)
        window["groups"] = groups
        operator = "CONV_2D"
    kernel = builder.constant(f"{name}/weights", layout, quantization)
    tensor = builder.emit(
        operator, name, (image.tensor, kernel, bias), output, window, qparams=qparams
    )
    rows, columns = builder.tensors[tensor].shape[1:3]
    shape = (
        (batch, channels, rows, columns) if len(image.shape) == 4 else (batch, channels, columns)
    )
    return Activation(tensor, shape, "channels_last", qparams)

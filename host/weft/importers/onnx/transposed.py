"""ONNX's ConvTranspose."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.bias import bias_tensor
from weft.importers.onnx.builder import Builder, nhwc_shape
from weft.importers.onnx.values import Activation, Pending, Step, take
from weft.importers.onnx.windows import (
    MAX_SIDE,
    check_kernel,
    image_of,
    pair_of,
    weights_of,
)

__all__ = ["transposed_convolution"]

Attributes = Mapping[str, Any]


def transposed_convolution(
    builder: Builder, layer: Pending, step: Step | None, output: str
) -> Activation:
    """Add TRANSPOSE_CONV; a grouped one gets zeros between its groups.

    Without ``step`` its result is real. The runtime always leaves it in float.
    """
    name, attributes, operands, real = layer.name, layer.attributes, layer.operands, step is None
    image = image_of(builder, take(operands, 0), "ConvTranspose", real=real)
    weights, quantization = weights_of(take(operands, 1), "ConvTranspose", axis=1, real=real)
    check_kernel(attributes, weights.shape, "ConvTranspose")
    data = weights[:, :, None] if weights.ndim == 3 else weights
    batch, height, width, depth = nhwc_shape(image.shape)
    groups = attributes.get("group", 1)
    if data.ndim != 4 or 0 in data.shape or groups < 1 or data.shape[0] != depth or depth % groups:
        raise ModelError(f"weights of shape {weights.shape} do not fit {depth} channels")
    kernel, quantization = _dense(data, quantization, groups)
    window = _window(attributes, (height, width), (data.shape[2], data.shape[3]))
    shape = (batch, *window.pop("size"), len(kernel))
    bias = bias_tensor(
        builder,
        name,
        "ConvTranspose",
        take(operands, 2),
        quantization,
        image.step,
        len(kernel),
        real=real,
        island=True,
    )
    constant = builder.constant(f"{name}/weights", kernel, quantization)
    tensor = builder.emit(
        "TRANSPOSE_CONV",
        name,
        (image.tensor, constant, bias),
        output,
        {**window, "activation": layer.activation, "island": True},
        step=step,
        shape=shape,
    )
    rows, columns = shape[1:3]
    back = (batch, len(kernel), rows, columns)
    return Activation(
        tensor,
        back if len(image.shape) == 4 else (batch, len(kernel), columns),
        "channels_last",
        step,
    )


def _dense(
    data: NDArray[Any], quantization: Quantization | None, groups: int
) -> tuple[NDArray[Any], Quantization | None]:
    """Return weights (out, kernel_h, kernel_w, in) with a scale or one an output channel."""
    depth, per_group = data.shape[:2]
    scale, zero_point = np.ones(1, np.float32), np.zeros(1, np.int64)
    if quantization is not None:
        scale, zero_point = quantization.scale, quantization.zero_point
    if quantization is not None and scale.size > 1:
        if quantization.axis != 1:
            raise ModelError("ConvTranspose must have one scale, or one an output channel")
        scale, zero_point = np.tile(scale, groups), np.tile(zero_point, groups)
    out = groups * per_group
    dense = np.empty((out, *data.shape[2:], depth), data.dtype)
    dense[...] = np.broadcast_to(zero_point, (out,)).reshape(-1, 1, 1, 1)
    for group in range(groups):
        rows = slice(group * per_group, (group + 1) * per_group)
        inputs = slice(group * (depth // groups), (group + 1) * (depth // groups))
        dense[rows, ..., inputs] = data[inputs].transpose(1, 2, 3, 0)
    return dense, None if quantization is None else Quantization(scale, zero_point)


def _window(
    attributes: Attributes, size: tuple[int, int], kernel: tuple[int, int]
) -> dict[str, Any]:
    operator = "ConvTranspose"
    stride = pair_of(attributes.get("strides", (1, 1)), operator)
    if pair_of(attributes.get("dilations", (1, 1)), operator) != (1, 1):
        raise ModelError("ConvTranspose with dilation is not supported")
    extra = attributes.get("output_padding", (0, 0))
    extra = (0, extra[0]) if len(extra) == 1 else extra
    pads = attributes.get("pads", (0, 0, 0, 0))
    pads = (0, pads[0], 0, pads[1]) if len(pads) == 2 else pads
    if (
        len(pads) != 4
        or len(extra) != 2
        or min(*pads, *extra) < 0
        or max(*pads) > MAX_SIDE
        or not all(1 <= s <= MAX_SIDE for s in (*stride, *kernel))
        or "output_shape" in attributes
        or attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "")
        or any(e >= s for e, s in zip(extra, stride, strict=True))
    ):
        raise ModelError(
            f"pads {pads}, strides {stride} and output_padding {extra} of ConvTranspose, or its "
            "output_shape or auto_pad, are not supported"
        )
    result = tuple(
        (size[axis] - 1) * stride[axis] + kernel[axis] + extra[axis] - pads[axis] - pads[axis + 2]
        for axis in (0, 1)
    )
    if min(result) < 1 or max(result) > MAX_SIDE:
        raise ModelError(f"an output of {result} pixels is not possible")
    padding = (pads[0], pads[2], pads[1], pads[3])
    return {"stride": stride, "padding": padding, "size": result}

"""ONNX's ConvTranspose."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.bias import bias_tensor
from weft.importers.onnx.builder import Builder, nhwc_shape
from weft.importers.onnx.values import Activation, Pending, QParams, take
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
    builder: Builder, layer: Pending, qparams: QParams | None, output: str
) -> Activation:
    """Add TRANSPOSE_CONV; a grouped one gets zeros between its groups.

    Without ``qparams`` its result is real. The runtime always leaves it in float.
    """
    name, attributes, operands, real = layer.name, layer.attributes, layer.operands, qparams is None
    image = image_of(builder, take(operands, 0), "ConvTranspose", real=real)
    weights, quantization = weights_of(take(operands, 1), "ConvTranspose", axis=1, real=real)
    check_kernel(attributes, weights.shape, "ConvTranspose")
    data = weights[:, :, None] if weights.ndim == 3 else weights
    batch, height, width, depth = nhwc_shape(image.shape)
    groups = attributes.get("group", 1)
    if data.ndim != 4 or 0 in data.shape or groups < 1 or data.shape[0] != depth or depth % groups:
        raise ModelError(f"weights of shape {weights.shape} do not fit {depth} channels")
    kernel, quantization = _dense(data, quantization, groups)
    dilation = pair_of(attributes.get("dilations", (1, 1)), "ConvTranspose")
    kernel = _dilated(kernel, quantization, dilation)
    window = _window(attributes, (height, width), kernel.shape[1:3])
    shape = (batch, *window.pop("size"), len(kernel))
    bias = bias_tensor(
        builder,
        name,
        "ConvTranspose",
        take(operands, 2),
        quantization,
        image.qparams,
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
        qparams=qparams,
        shape=shape,
    )
    rows, columns = shape[1:3]
    back = (batch, len(kernel), rows, columns)
    return Activation(
        tensor,
        back if len(image.shape) == 4 else (batch, len(kernel), columns),
        "channels_last",
        qparams,
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


def _dilated(
    kernel: NDArray[Any], quantization: Quantization | None, dilation: tuple[int, int]
) -> NDArray[Any]:
    """Return weights (out, kernel_h, kernel_w, in) with zeros between their taps."""
    if dilation == (1, 1):
        return kernel
    size = tuple((n - 1) * d + 1 for n, d in zip(kernel.shape[1:3], dilation, strict=True))
    if min(dilation) < 1 or max(size) > MAX_SIDE:
        raise ModelError(f"dilation {dilation} of ConvTranspose is not possible")
    wide = np.zeros((kernel.shape[0], *size, kernel.shape[3]), kernel.dtype)
    if quantization is not None:
        wide += quantization.zero_point.reshape(-1, 1, 1, 1).astype(kernel.dtype)
    wide[:, :: dilation[0], :: dilation[1]] = kernel
    return wide


def _window(
    attributes: Attributes, size: tuple[int, int], kernel: tuple[int, ...]
) -> dict[str, Any]:
    """Return stride, padding and the output's size; ``kernel`` has its dilation."""
    stride = pair_of(attributes.get("strides", (1, 1)), "ConvTranspose")
    extra = attributes.get("output_padding", (0, 0))
    extra = (0, extra[0]) if len(extra) == 1 else extra
    if (
        len(extra) != 2
        or not all(1 <= s <= MAX_SIDE for s in (*stride, *kernel))
        or any(not 0 <= e < s for e, s in zip(extra, stride, strict=True))
    ):
        raise ModelError(
            f"strides {stride} and output_padding {extra} of ConvTranspose are not supported"
        )
    whole = tuple((n - 1) * s + k for n, s, k in zip(size, stride, kernel, strict=True))
    asked, upper = _asked(attributes, size, stride)
    padding, result = [], []
    for axis, pads in enumerate(_pads(attributes)):
        length = whole[axis] + extra[axis]
        if asked is not None:
            total = max(0, length - asked[axis])
            if "output_shape" in attributes:  # else the runtime's SAME makes less than asked for
                length = max(length, asked[axis])
            # The odd one goes behind with SAME_UPPER alone.
            before = total // 2 if upper else total - total // 2
            pads = (before, total - before)
        padding += pads
        result.append(length - sum(pads))
    if min(result) < 1 or max(result) > MAX_SIDE:
        raise ModelError(f"an output of {tuple(result)} pixels is not possible")
    return {"stride": stride, "padding": tuple(padding), "size": tuple(result)}


def _asked(
    attributes: Attributes, size: tuple[int, int], stride: tuple[int, int]
) -> tuple[tuple[int, int] | None, bool]:
    """Return the output's size where it is given, and whether padding leans to the front."""
    automatic = attributes.get("auto_pad", "NOTSET")
    if automatic not in ("NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise ModelError(f"auto_pad {automatic} of ConvTranspose is not supported")
    upper = automatic == "SAME_UPPER"
    if "output_shape" in attributes:
        asked = pair_of(attributes["output_shape"], "ConvTranspose")
        return (size[0], asked[1]) if len(attributes["output_shape"]) == 1 else asked, upper
    if automatic.startswith("SAME"):
        return (size[0] * stride[0], size[1] * stride[1]), upper
    return None, upper


def _pads(attributes: Attributes) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return how many pixels are cut off above and below, left and right."""
    pads = attributes.get("pads", (0, 0, 0, 0))
    pads = (0, pads[0], 0, pads[1]) if len(pads) == 2 else pads
    if len(pads) != 4 or min(pads) < 0 or max(pads) > MAX_SIDE:
        raise ModelError(f"pads {pads} of ConvTranspose are not supported")
    if attributes.get("auto_pad", "NOTSET") == "VALID":
        return (0, 0), (0, 0)
    return (pads[0], pads[2]), (pads[1], pads[3])

"""Convolutions and fully connected layers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.golden.operators.stage import output_stage

__all__ = ["accumulate", "batch_matmul", "integer_products", "linear"]


def accumulate(context: Context) -> NDArray[np.int32]:
    """Return the accumulators of a linear node in the output's shape.

    They include the bias, unless it is a real number: the output stage adds that.
    """
    x, weights = context.value(0), context.value(1)
    bias = context.value(2) if context.has(2) else None
    bias = bias if bias is None or bias.dtype == np.int32 else None
    attributes, zero_point = context.attributes, context.zero_point(0)
    quantization = context.tensor(1).quantization
    weight_zero_point = 0 if quantization is None else quantization.zero_point
    operator = context.node.operator
    if operator == "FULLY_CONNECTED":
        rows = x.reshape(-1, weights.shape[1])
        return context.shaped(
            golden.fully_connected(
                rows,
                weights,
                bias,
                zero_point=zero_point,
                weight_zero_point=weight_zero_point,
            )
        )
    window: dict[str, Any] = {
        "zero_point": zero_point,
        "weight_zero_point": weight_zero_point,
        "stride": attributes["stride"],
        "padding": attributes["padding"],
    }
    if operator == "TRANSPOSE_CONV":
        height, width = context.output.shape[-3:-1]
        return context.windows(
            lambda x: golden.transpose_conv2d(
                x, weights, bias, output_shape=(height, width), **window
            )
        )
    window["dilation"] = attributes["dilation"]
    if operator == "DEPTHWISE_CONV_2D":
        multiplier = attributes["depth_multiplier"]
        return context.windows(
            lambda x: golden.depthwise_conv2d(
                x, weights, bias, depth_multiplier=multiplier, **window
            )
        )
    groups = attributes["groups"]
    return context.windows(lambda x: golden.conv2d(x, weights, bias, groups=groups, **window))


def linear(context: Context) -> NDArray[Any]:
    """Return the int8 output of a linear node."""
    if (
        context.node.operator == "CONV_2D"
        and context.has(2)
        and (context.value(2).dtype == np.float32)
    ):
        return _convolution_in_float(context)
    return output_stage(context)(accumulate(context))


def _convolution_in_float(context: Context) -> NDArray[Any]:
    """Return a convolution that ONNX Runtime leaves in float: real numbers, then quantised."""
    stage, attributes = output_stage(context), context.attributes
    quantization = context.tensor(1).quantization
    weights = context.value(1).astype(np.int64)
    scale: Any = np.float32(1)
    if quantization is not None:
        weights = weights - quantization.zero_point.reshape(-1, 1, 1, 1)
        scale = quantization.scale.reshape(-1, 1, 1, 1)
    kernel = scale * weights.astype(np.float32)
    window = {key: attributes[key] for key in ("stride", "padding", "dilation", "groups")}

    def convolve(x: NDArray[Any]) -> NDArray[Any]:
        steps = (x.astype(np.int64) - context.zero_point(0)).astype(np.float32)
        return golden.conv2d_float32(context.scale(0) * steps, kernel, context.value(2), **window)

    real = context.windows(convolve)
    rounded = np.rint(np.clip(real / context.output_scale, -1e6, 1e6)).astype(np.int64)
    return np.clip(rounded + stage.zero_point, stage.low, stage.high).astype(np.int8)


def integer_products(context: Context) -> NDArray[np.int64]:
    """Return the exact products of two tensors of matrices, without their zero points."""
    left, right = (
        (context.value(i).astype(np.int64) - context.zero_point(i)).astype(np.float64)
        for i in (0, 1)
    )
    # Below 2 ** 53 float64 is exact in any order; a product has 16 bits.
    return np.matmul(left, right).astype(np.int64)


def batch_matmul(context: Context) -> NDArray[np.int8]:
    """Return the products of two tensors of matrices."""
    return output_stage(context)(integer_products(context))

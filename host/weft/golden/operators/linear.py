"""Convolutions and fully connected layers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.golden.operators.stage import LINEAR, output_stage

__all__ = ["LINEAR", "accumulate", "linear"]


def accumulate(context: Context) -> NDArray[np.int64]:
    """Return the accumulators of a linear node, bias included, in the output's shape."""
    x, weights = context.value(0), context.value(1)
    bias = context.value(2) if context.has(2) else None
    attributes, zero_point = context.attributes, context.zero_point(0)
    quantization = context.tensor(1).quantization
    weight_zero_point = 0 if quantization is None else quantization.zero_point
    operator = context.node.operator
    if operator == "FULLY_CONNECTED":
        rows = x.reshape(-1, weights.shape[1])
        return context.shaped(golden.fully_connected(
            rows, weights, bias, zero_point=zero_point, weight_zero_point=weight_zero_point,
        ))  # fmt: skip
    window: dict[str, Any] = {
        "zero_point": zero_point,
        "weight_zero_point": weight_zero_point,
        "stride": attributes["stride"],
        "padding": attributes["padding"],
    }
    if operator == "TRANSPOSE_CONV":
        height, width = context.output.shape[1:3]
        return golden.transpose_conv2d(x, weights, bias, output_shape=(height, width), **window)
    window["dilation"] = attributes["dilation"]
    if operator == "DEPTHWISE_CONV_2D":
        multiplier = attributes["depth_multiplier"]
        return golden.depthwise_conv2d(x, weights, bias, depth_multiplier=multiplier, **window)
    return golden.conv2d(x, weights, bias, groups=attributes["groups"], **window)


def linear(context: Context) -> NDArray[Any]:
    """Return the int8 output of a linear node."""
    return output_stage(context)(accumulate(context))

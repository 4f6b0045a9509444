"""Pooling and means."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.golden.operators.stage import output_stage
from weft.graph import Runtime

__all__ = ["average_pool", "extreme", "max_pool", "mean", "total"]


def _window(context: Context) -> dict[str, Any]:
    return {name: context.attributes[name] for name in ("kernel", "stride", "padding")}


def max_pool(context: Context) -> NDArray[Any]:
    """Return the maxima of windows."""
    stage = output_stage(context)
    dilation = context.attributes.get("dilation", (1, 1))
    return context.windows(
        lambda x: golden.max_pool2d(
            x, **_window(context), dilation=dilation, low=stage.low, high=stage.high
        )
    )


def average_pool(context: Context) -> NDArray[Any]:
    """Return the means of windows; padding is not counted."""
    unsigned = bool(context.attributes.get("unsigned", False))
    if context.graph.in_onnxruntime:
        edge = (context.scale(0), context.zero_point(0))
        y = (context.output_scale, context.output_zero_point)
        return context.windows(
            lambda x: golden.average_pool_float32(
                x,
                edge,
                y,
                **_window(context),
                unsigned=unsigned,
                real=context.attributes.get("real"),
            )
        )
    stage = output_stage(context)
    return context.windows(
        lambda x: golden.average_pool2d(
            x, **_window(context), low=stage.low, high=stage.high, unsigned=unsigned
        )
    )


def mean(context: Context) -> NDArray[Any]:
    """Return the means over whole dimensions."""
    axes, shape = context.attributes["axes"], context.tensor(0).shape
    count = math.prod(shape[axis] for axis in axes)
    if (order := context.attributes.get("real")) is not None:
        edge = (context.scale(0), context.zero_point(0))
        y = (context.output_scale, context.output_zero_point)
        means = context.windows(lambda x: golden.mean_real(x, edge, y, order))
        return context.shaped(means)
    zero_point, output_zero_point = context.zero_point(0), context.output_zero_point
    total = golden.sums(context.value(0), axes, zero_point)
    if context.graph.in_onnxruntime:
        return context.shaped(output_stage(context)(total))
    if context.graph.runtime == Runtime.XNNPACK:
        x, y = (context.scale(0), zero_point), (context.output_scale, output_zero_point)
        result = golden.mean_float32(total + count * zero_point, count, x, y)
    else:
        scale = float(context.scale(0)) / float(context.output_scale)
        result = golden.mean_fixed_point(
            total, scale=scale, count=count, zero_point=output_zero_point
        )
    return context.shaped(np.asarray(result))


def total(context: Context) -> NDArray[Any]:
    """Return the sums over whole dimensions, of int8 as LiteRT's default engine adds them."""
    axes, shape = context.attributes["axes"], context.tensor(0).shape
    x = (context.scale(0), context.zero_point(0))
    if context.graph.runtime == Runtime.REFERENCE and context.attributes.get("unsigned"):
        sums = golden.sums(context.value(0), axes, x[1])
        scale = float(x[0]) / float(context.output_scale)
        zero_point = context.output_zero_point
        return context.shaped(golden.sum_fixed_point(sums, scale=scale, zero_point=zero_point))
    sums = golden.sums(context.value(0), axes, 0)
    y = (context.output_scale, context.output_zero_point)
    count = math.prod(shape[axis] for axis in axes)
    return context.shaped(golden.sum_float32(sums, count, x, y))


def extreme(context: Context) -> NDArray[Any]:
    """Return the greatest (REDUCE_MAX) or least (REDUCE_MIN) values over whole dimensions."""
    x, axes = context.value(0), context.attributes["axes"]
    return context.shaped(x.max(axes) if context.node.operator == "REDUCE_MAX" else x.min(axes))

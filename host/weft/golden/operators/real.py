"""Layers of a float island: operators on real numbers, which float64 stands for."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.golden.operators.linear import accumulate, integer_products
from weft.graph import OPERATORS, REAL

__all__ = [
    "average_pool",
    "batch_matmul",
    "concatenation",
    "dequantize",
    "extreme",
    "function",
    "linear",
    "log_softmax",
    "max_pool",
    "mean",
    "pad",
    "quantize",
    "resize_between",
    "softmax",
    "total",
]

Real = NDArray[np.float64]


def _real(context: Context, index: int) -> Real:
    """Return the real numbers that input ``index`` expresses."""
    value, quantization = context.value(index), context.tensor(index).quantization
    if quantization is None:
        return value.astype(REAL)
    steps = value.astype(np.int64) - context.zero_point(index)
    return np.float64(context.scale(index)) * steps


def linear(context: Context) -> Real:
    """Return exact sums of integers times both scales, plus the bias; or products of reals."""
    x, weights = context.tensor(0).quantization, context.tensor(1).quantization
    if x is None or weights is None:
        return _linear_of_reals(context)
    scale = np.float64(x.scale[0]) * weights.scale.astype(np.float64)
    total = accumulate(context) * scale
    return total + context.value(2).astype(REAL) if context.has(2) else total


def _linear_of_reals(context: Context) -> Real:
    """Return what layers with weights or inputs that are no integers compute."""
    total = _products(context, _real(context, 0), _weights(context))
    return total + context.value(2).astype(REAL) if context.has(2) else total


def _products(context: Context, x: Real, weights: Real) -> Real:
    operator, attributes = context.node.operator, context.attributes
    if operator == "FULLY_CONNECTED":
        return context.shaped(x.reshape(-1, weights.shape[1]) @ weights.T)
    names = {
        "CONV_2D": ("stride", "padding", "dilation", "groups"),
        "DEPTHWISE_CONV_2D": ("stride", "padding", "dilation", "depth_multiplier"),
        "TRANSPOSE_CONV": ("stride", "padding"),
    }[operator]
    options: dict[str, Any] = {name: attributes[name] for name in names}
    function: Callable[..., Real] = {
        "CONV_2D": golden.conv2d_real,
        "DEPTHWISE_CONV_2D": golden.depthwise_conv2d_real,
        "TRANSPOSE_CONV": golden.transpose_conv2d_real,
    }[operator]
    if operator == "TRANSPOSE_CONV":
        options["output_shape"] = context.output.shape[-3:-1]
    return _over_images(x, lambda images: function(images, weights, **options))


def _weights(context: Context) -> Real:
    value, quantization = context.value(1), context.tensor(1).quantization
    if quantization is None:
        return value.astype(REAL)
    axis = OPERATORS[context.node.operator].channel_axis
    form = [-1 if i == axis else 1 for i in range(value.ndim)]
    steps = value.astype(np.int64) - quantization.zero_point.reshape(form)
    return quantization.scale.astype(np.float64).reshape(form) * steps


def batch_matmul(context: Context) -> Real:
    """Return the products of two tensors of matrices; sums of integers are exact."""
    if all(context.tensor(i).quantization is not None for i in (0, 1)):
        scale = np.float64(context.scale(0)) * np.float64(context.scale(1))
        return scale * integer_products(context)
    return np.matmul(_real(context, 0), _real(context, 1))


def function(context: Context) -> Real:
    """Return a function of real numbers, element by element."""
    node = context.node
    operands = [_real(context, i) if context.has(i) else None for i in range(len(node.inputs))]
    name = node.attributes.get("function") or node.operator.capitalize()
    with np.errstate(all="ignore"):
        return np.asarray(golden.REAL_FUNCTIONS[name](node.attributes, *operands), REAL)


def _window(context: Context, x: Real, fill: Any) -> Real:
    """Return windows (..., kernel_h * kernel_w) of each pixel and channel."""
    attributes = context.attributes
    view = golden.windows(
        x,
        attributes["kernel"],
        attributes["stride"],
        attributes.get("dilation", (1, 1)),
        attributes["padding"],
        fill,
    )
    return view.reshape(*view.shape[:4], -1)  # type: ignore[return-value]


def average_pool(context: Context) -> Real:
    """Return the average of each window, without its padding."""
    pool = {name: context.attributes[name] for name in ("kernel", "stride", "padding")}

    def averaged(x: Real) -> Real:
        counts = golden.window_counts(x.shape[1:3], **pool)
        return _window(context, x, 0.0).sum(-1) / counts

    return _over_images(_real(context, 0), averaged)


def max_pool(context: Context) -> Real:
    """Return the greatest number of each window."""
    x = _real(context, 0)
    return _over_images(x, lambda images: _window(context, images, -math.inf).max(-1))


def _over_images(x: Real, function: Callable[[Real], Real]) -> Real:
    """Return ``function`` of ``x`` as (images, height, width, channels), however many."""
    result = function(x.reshape(-1, *x.shape[-3:]))
    return result.reshape(*x.shape[:-3], *result.shape[1:])


def resize_between(context: Context) -> Real:
    """Return what lies at the node's rows and columns of an image."""
    rows, columns = context.attributes["rows"], context.attributes["columns"]
    return _over_images(_real(context, 0), lambda x: golden.bilinear_between(x, rows, columns))


def mean(context: Context) -> Real:
    """Return averages over whole dimensions."""
    axes = tuple(context.attributes["axes"])
    return context.shaped(_real(context, 0).mean(axes))


def extreme(context: Context) -> Real:
    """Return the greatest or least numbers over whole dimensions."""
    x, axes = _real(context, 0), tuple(context.attributes["axes"])
    return context.shaped(x.max(axes) if context.node.operator == "REDUCE_MAX" else x.min(axes))


def total(context: Context) -> Real:
    """Return sums over whole dimensions; those of integers are exact."""
    axes, quantization = tuple(context.attributes["axes"]), context.tensor(0).quantization
    if quantization is None:
        return context.shaped(context.value(0).astype(REAL).sum(axes))
    steps = (context.value(0).astype(np.int64) - context.zero_point(0)).sum(axes)
    return context.shaped(np.float64(context.scale(0)) * steps)


def concatenation(context: Context) -> Real:
    """Return the operands side by side."""
    parts = [_real(context, i) for i in range(len(context.node.inputs))]
    batch = max(len(part) for part in parts)
    parts = [np.repeat(p, batch // len(p), axis=0) if len(p) < batch else p for p in parts]
    return np.concatenate(parts, axis=context.attributes["axis"])


def pad(context: Context) -> Real:
    """Return the input with padding."""
    value = float(context.attributes.get("value", 0.0))
    return np.pad(_real(context, 0), context.attributes["paddings"], constant_values=value)


def softmax(context: Context) -> Real:
    """Return the softmax over the last axis."""
    return golden.softmax_real(_real(context, 0))


def log_softmax(context: Context) -> Real:
    """Return the logarithm of the softmax over the last axis."""
    return golden.log_softmax_real(_real(context, 0))


def quantize(context: Context) -> NDArray[Any]:
    """Return real numbers as integers."""
    return golden.quantize_real(
        context.value(0), context.output_scale, context.output_zero_point, context.output.dtype
    )


def dequantize(context: Context) -> NDArray[np.float32]:
    """Return real numbers rounded to float32."""
    with np.errstate(over="ignore"):
        return context.value(0).astype(np.float32)

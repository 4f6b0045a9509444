"""Operators on float32 as LiteRT's reference kernels compute them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.graph import ACTIVATIONS

__all__ = [
    "average_pool",
    "log_softmax",
    "max_pool",
    "mean",
    "pad",
    "softmax",
    "total",
]

Float32 = NDArray[Any]  # float32 in fact


def softmax(context: Context) -> Float32:
    """Return the softmax over the last axis."""
    return golden.softmax_litert(context.value(0), context.attributes["beta"])


def log_softmax(context: Context) -> Float32:
    """Return the logarithm of the softmax over the last axis."""
    return golden.log_softmax_litert(context.value(0))


def mean(context: Context) -> Float32:
    """Return the means over whole dimensions."""
    return context.shaped(golden.mean_litert(context.value(0), context.attributes["axes"]))


def total(context: Context) -> Float32:
    """Return the sums over whole dimensions."""
    return context.shaped(golden.sum_litert(context.value(0), context.attributes["axes"]))


def pad(context: Context) -> Float32:
    """Return the values with zeros around them."""
    return np.pad(context.value(0), context.attributes["paddings"])


def _clamped(context: Context, value: Float32) -> Float32:
    low, high = ACTIVATIONS[context.attributes["activation"]]
    return np.clip(value, np.float32(low), np.float32(high))


def _windows(context: Context, x: Float32, fill: Any) -> Float32:
    attributes = context.attributes
    view: Float32 = golden.windows(
        x, attributes["kernel"], attributes["stride"], (1, 1), attributes["padding"], fill
    )  # type: ignore[arg-type]
    return view.reshape(*view.shape[:4], -1)


def max_pool(context: Context) -> Float32:
    """Return the maxima of windows."""
    pooled = context.windows(lambda x: _windows(context, x, -np.inf).max(-1))
    return _clamped(context, pooled)


def average_pool(context: Context) -> Float32:
    """Return the means of windows; padding is not counted."""
    pool = {name: context.attributes[name] for name in ("kernel", "stride", "padding")}

    def averaged(x: Float32) -> Float32:
        parts = _windows(context, x, 0.0)
        counts = golden.window_counts(x.shape[1:3], **pool)
        return golden.sum_litert(parts, (4,)) / counts.astype(np.float32)

    return _clamped(context, context.windows(averaged))

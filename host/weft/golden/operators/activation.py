"""Activation functions that are operators of their own, as tables of 256 values."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context, float32_value
from weft.golden.operators.stage import activation_range
from weft.graph import ACTIVATIONS, Runtime

__all__ = ["apply_table", "log_softmax", "normalise", "softmax", "table"]

Real = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def _hard_swish(x: NDArray[np.float32]) -> NDArray[np.float32]:
    gate = np.clip(x * np.float32(1 / 6) + np.float32(0.5), 0, 1).astype(np.float32)
    return x * gate


def _leaky(alpha: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(x >= 0, x, np.float32(alpha) * x)


def _clamp(low: float, high: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(x, np.float32(low), np.float32(high))


def _real(context: Context) -> Real:
    """Return the function on real numbers that a node computes."""
    operator, onnx = context.node.operator, context.graph.in_onnxruntime
    logistic = golden.logistic_mlas if onnx else golden.logistic
    functions: dict[str, Real] = {
        "LOGISTIC": logistic,
        "TANH": golden.tanh_mlas if onnx else golden.tanh,
        "ELU": partial(golden.elu_eigen, alpha=1.0) if onnx else golden.elu,
        "HARD_SWISH": _hard_swish,
        "SILU": lambda x: x * logistic(x),
    }
    if operator == "GELU":
        gelu = golden.gelu_mlas if onnx else golden.gelu
        return partial(gelu, approximate=context.attributes["approximate"])
    if operator == "LEAKY_RELU":
        return partial(_leaky, context.attributes["alpha"])
    if operator in ACTIVATIONS:
        return partial(_clamp, *ACTIVATIONS[operator])
    return functions[operator]


def table(context: Context) -> NDArray[np.int8]:
    """Return what :func:`golden.lookup` takes: the outputs of an activation function."""
    x = (context.scale(0), context.zero_point(0))
    y = (context.output_scale, context.output_zero_point)
    operator = context.node.operator
    if operator == "TABLE":
        values = np.array(context.attributes["table"], np.int8)
        return values if values.size == 256 else values.reshape(-1, 256)
    if context.graph.in_onnxruntime:
        return golden.table_onnx(_real(context), x, y)
    if operator in ACTIVATIONS:
        low, high = activation_range(operator, *y, context.graph.runtime)
        return golden.rectify_fixed_point(x, y, low, high)
    if operator == "LEAKY_RELU":
        alpha = context.attributes["alpha"]
        ratio = x[0] / y[0]
        if context.graph.runtime == Runtime.XNNPACK and all(
            map(golden.within_8bit, (ratio, ratio * np.float32(alpha)))
        ):
            return golden.leaky_relu_8bit(golden.ALL_INT8, x, y, alpha)
        return golden.leaky_relu_fixed_point(x, y, alpha)
    if operator == "HARD_SWISH":
        return golden.hard_swish_fixed_point(x, y)
    return golden.table_litert(_real(context), x, y)


def apply_table(context: Context) -> NDArray[Any]:
    """Return the output of an activation function."""
    return golden.lookup(np.ascontiguousarray(context.value(0)), table(context))


def softmax(context: Context) -> NDArray[Any]:
    """Return the softmax over the last axis."""
    if context.output.quantization is None:
        return golden.softmax_mlas(float32_value(context, 0))
    if context.graph.in_onnxruntime:
        y = (context.output_scale, context.output_zero_point)
        return golden.softmax_table(context.value(0), context.scale(0), y)
    beta = context.attributes["beta"]
    if context.graph.runtime == Runtime.XNNPACK:
        return golden.softmax_float32(context.value(0), scale=context.scale(0), beta=beta)
    scale = float(context.scale(0))
    bits = 8 * context.output.dtype.itemsize
    return golden.softmax_fixed_point(context.value(0), scale=scale, beta=beta, bits=bits)


def normalise(context: Context) -> NDArray[Any]:
    """Return the last dimension with length 1."""
    unsigned = bool(context.attributes.get("unsigned", False))
    return golden.normalise_rows(context.value(0), context.zero_point(0), unsigned=unsigned)


def log_softmax(context: Context) -> NDArray[Any]:
    """Return the logarithm of the softmax over the last axis."""
    return golden.log_softmax_fixed_point(context.value(0), scale=float(context.scale(0)))

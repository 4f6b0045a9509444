"""Functions of real numbers in float64, for float islands: no runtime's rounding is in them."""

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["REAL_FUNCTIONS", "log_softmax_real", "quantize_real", "softmax_real"]

Real = NDArray[np.float64]
Parameters = Mapping[str, Any]
Function = Callable[..., Real]

_erf: Callable[[Real], NDArray[Any]] = np.frompyfunc(math.erf, 1, 1)


def _error_function(x: Real) -> Real:
    return np.asarray(_erf(x), np.float64)


def _sigmoid(x: Real) -> Real:
    # exp of what is not positive alone, so that nothing overflows.
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + small), small / (1 + small))


def _softplus(x: Real) -> Real:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _elu(p: Parameters, x: Real) -> Real:
    return np.where(x >= 0, x, p.get("alpha", 1.0) * np.expm1(np.minimum(x, 0)))


def _celu(p: Parameters, x: Real) -> Real:
    alpha = p.get("alpha", 1.0)
    return np.where(x >= 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _selu(p: Parameters, x: Real) -> Real:
    gamma = p.get("gamma", 1.05070102214813232421875)
    return gamma * _elu({"alpha": p.get("alpha", 1.67326319217681884765625)}, x)


def _gelu(p: Parameters, x: Real) -> Real:
    if p.get("approximate", "none") == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        return 0.5 * x * (1 + np.tanh(inner))
    return 0.5 * x * (1 + _error_function(x * math.sqrt(0.5)))


def _hard_sigmoid(p: Parameters, x: Real) -> Real:
    return np.clip(x * p.get("alpha", 0.2) + p.get("beta", 0.5), 0, 1)


def _clip(p: Parameters, x: Real, low: Any = None, high: Any = None) -> Real:
    low = p.get("min", -np.inf) if low is None else low
    high = p.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x, low), high)


def _leaky(p: Parameters, x: Real) -> Real:
    return np.where(x >= 0, x, p.get("alpha", 0.01) * x)


# By ONNX's names; parameters, then operands. What a caller leaves out has ONNX's default.
REAL_FUNCTIONS: Mapping[str, Function] = {
    "Abs": lambda p, x: np.abs(x),
    "Add": lambda p, x, y: x + y,
    "And": lambda p, x, y: np.logical_and(x, y).astype(np.float64),
    "Ceil": lambda p, x: np.ceil(x),
    "Celu": _celu,
    "Clip": _clip,
    "Cos": lambda p, x: np.cos(x),
    "Div": lambda p, x, y: x / y,
    "Elu": _elu,
    "Equal": lambda p, x, y: np.equal(x, y).astype(np.float64),
    "Erf": lambda p, x: _error_function(x),
    "Exp": lambda p, x: np.exp(x),
    "Floor": lambda p, x: np.floor(x),
    "Gelu": _gelu,
    "Greater": lambda p, x, y: np.greater(x, y).astype(np.float64),
    "GreaterOrEqual": lambda p, x, y: np.greater_equal(x, y).astype(np.float64),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda p, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "LeakyRelu": _leaky,
    "Less": lambda p, x, y: np.less(x, y).astype(np.float64),
    "LessOrEqual": lambda p, x, y: np.less_equal(x, y).astype(np.float64),
    "Log": lambda p, x: np.log(x),
    "Max": lambda p, *x: reduce(np.maximum, x),
    "Mean": lambda p, *x: reduce(np.add, x) / len(x),
    "Min": lambda p, *x: reduce(np.minimum, x),
    "Mish": lambda p, x: x * np.tanh(_softplus(x)),
    "Mul": lambda p, x, y: x * y,
    "Neg": lambda p, x: -x,
    "Not": lambda p, x: np.logical_not(x).astype(np.float64),
    "Or": lambda p, x, y: np.logical_or(x, y).astype(np.float64),
    "PRelu": lambda p, x, slope: np.where(x >= 0, x, slope * x),
    "Pow": lambda p, x, y: np.power(x, y),
    "Reciprocal": lambda p, x: 1 / x,
    "Round": lambda p, x: np.rint(x),
    "Relu": lambda p, x: np.maximum(x, 0),
    "Selu": _selu,
    "Sigmoid": lambda p, x: _sigmoid(x),
    "Sign": lambda p, x: np.sign(x),
    "Sin": lambda p, x: np.sin(x),
    "Softplus": lambda p, x: _softplus(x),
    "Softsign": lambda p, x: x / (1 + np.abs(x)),
    "Sqrt": lambda p, x: np.sqrt(x),
    "Sub": lambda p, x, y: x - y,
    "Sum": lambda p, *x: reduce(np.add, x),
    "Tanh": lambda p, x: np.tanh(x),
    "ThresholdedRelu": lambda p, x: np.where(x > p.get("alpha", 1.0), x, 0.0),
    "Where": lambda p, c, x, y: np.where(c != 0, x, y),
}


def log_softmax_real(x: Real) -> Real:
    """Return the logarithm of the softmax over the last axis."""
    least = x - x.max(axis=-1, keepdims=True)
    return least - np.log(np.exp(least).sum(axis=-1, keepdims=True))


def softmax_real(x: Real) -> Real:
    """Return exponentials over the last axis, divided by their sum."""
    power = np.exp(x - x.max(axis=-1, keepdims=True))
    return power / power.sum(axis=-1, keepdims=True)


def quantize_real(x: Real, scale: np.float32, zero_point: int, dtype: np.dtype) -> NDArray[Any]:
    """Return ``rint(x / scale) + zero_point``, ties to even, saturated; the least of no number."""
    limits = np.iinfo(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.nan_to_num(np.rint(x / np.float64(scale)), nan=-(2.0**31))
    steps = np.clip(steps, -(2.0**31), 2.0**31).astype(np.int64)
    return np.clip(steps + zero_point, limits.min, limits.max).astype(dtype)

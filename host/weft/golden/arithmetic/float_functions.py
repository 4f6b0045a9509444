"""ONNX's float functions in float32, as ONNX Runtime computes them.

Each takes the parameters of a node, and its operands: arrays, or None where one is left out.
"""

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.mlas import (
    elu_eigen,
    elu_library,
    erf_mlas,
    exp_mlas,
    gelu_mlas,
    logistic_mlas,
    tanh_mlas,
)

__all__ = [
    "APPROXIMATE",
    "CONDITIONS",
    "FLOAT32_FUNCTIONS",
    "FUNCTION_OPERANDS",
    "LAST_FUNCTIONS",
]

Float32 = NDArray[Any]
Attributes = Mapping[str, Any]
Function = Callable[[Attributes, list[Any]], Float32]

_ONE = np.float32(1)


def _number(attributes: Attributes, name: str, default: float) -> np.float32:
    return np.float32(attributes.get(name, default))


def _rounded(function: Any, x: Any) -> Float32:
    """Return ``function`` of float32 numbers, correctly rounded."""
    return function(x.astype(np.float64)).astype(np.float32)


def _elu(attributes: Attributes, x: list[Any], elu: Any = elu_eigen) -> Float32:
    return elu(x[0], attributes.get("alpha", 1.0))


def _gelu(attributes: Attributes, x: list[Any]) -> Float32:
    return gelu_mlas(x[0], approximate=attributes.get("approximate", "none") == "tanh")


def _hard_sigmoid(attributes: Attributes, x: list[Any]) -> Float32:
    alpha, beta = _number(attributes, "alpha", 0.2), _number(attributes, "beta", 0.5)
    return np.clip(x[0] * alpha + beta, np.float32(0), _ONE)


def _clip(attributes: Attributes, x: list[Any]) -> Float32:
    low, high = (*x[1:], None, None)[:2]
    low = attributes.get("min", -np.inf) if low is None else low
    high = attributes.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x[0], np.float32(low)), np.float32(high))


def _selu(attributes: Attributes, x: list[Any], elu: Any = elu_eigen) -> Float32:
    alpha = attributes.get("alpha", 1.67326319217681884765625)
    return _number(attributes, "gamma", 1.05070102214813232421875) * elu(x[0], alpha)


def _celu(attributes: Attributes, x: list[Any], elu: Any = elu_eigen) -> Float32:
    alpha = _number(attributes, "alpha", 1.0)
    return np.where(x[0] >= 0, x[0], elu(x[0] / alpha, 1.0) * alpha)


def _softplus(attributes: Attributes, x: list[Any]) -> Float32:
    return np.maximum(x[0], np.float32(0)) + np.log1p(exp_mlas(-np.abs(x[0])))


def _mish(attributes: Attributes, x: list[Any]) -> Float32:
    return x[0] * tanh_mlas(_softplus({}, x))


def _power(attributes: Attributes, x: list[Any]) -> Float32:
    number, exponent = x[0], np.asarray(x[1])
    if exponent.size == 1 and exponent.reshape(-1)[0] in (2, 3):  # multiplied, rounded each time
        square = number * number
        return square if exponent.reshape(-1)[0] == 2 else square * number
    return np.power(np.float64(number), np.float64(exponent)).astype(np.float32)


def _mean(attributes: Attributes, x: list[Any]) -> Float32:
    return reduce(np.add, x) * (_ONE / np.float32(len(x)))


def _compared(function: Callable[[Any, Any], Any]) -> Function:
    """Return a comparison, which gives 1 or 0."""
    return lambda attributes, x: function(*x).astype(np.float32)


def _leaky(attributes: Attributes, x: list[Any]) -> Float32:
    return np.where(x[0] >= 0, x[0], _number(attributes, "alpha", 0.01) * x[0])


# Arithmetic is exact float32; the functions that approximate are those of the golden model.
FLOAT32_FUNCTIONS: Mapping[str, Function] = {
    "Abs": lambda a, x: np.abs(x[0]),
    "Add": lambda a, x: x[0] + x[1],
    "And": _compared(np.logical_and),
    "Ceil": lambda a, x: np.ceil(x[0]),
    "Celu": _celu,
    "Clip": _clip,
    "Cos": lambda a, x: _rounded(np.cos, x[0]),
    "Div": lambda a, x: x[0] / x[1],
    "Elu": _elu,
    "Equal": _compared(np.equal),
    "Erf": lambda a, x: erf_mlas(x[0]),
    "Exp": lambda a, x: exp_mlas(x[0]),
    "Floor": lambda a, x: np.floor(x[0]),
    "Gelu": _gelu,
    "Greater": _compared(np.greater),
    "GreaterOrEqual": _compared(np.greater_equal),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda a, x: x[0] * _hard_sigmoid({"alpha": 1 / 6}, x),
    "LeakyRelu": _leaky,
    "Less": _compared(np.less),
    "LessOrEqual": _compared(np.less_equal),
    "Log": lambda a, x: _rounded(np.log, x[0]),
    "Max": lambda a, x: reduce(np.maximum, x),
    "Mean": _mean,
    "Min": lambda a, x: reduce(np.minimum, x),
    "Mish": _mish,
    "Mul": lambda a, x: x[0] * x[1],
    "Neg": lambda a, x: -x[0],
    "Not": _compared(np.logical_not),
    "Or": _compared(np.logical_or),
    "Pow": _power,
    "PRelu": lambda a, x: np.where(x[0] >= 0, x[0], x[1] * x[0]),
    "Reciprocal": lambda a, x: _ONE / x[0],
    "Relu": lambda a, x: np.maximum(x[0], np.float32(0)),
    "Round": lambda a, x: np.rint(x[0]),
    "Selu": _selu,
    "Sigmoid": lambda a, x: logistic_mlas(x[0]),
    "Sign": lambda a, x: np.sign(x[0]),
    "Sin": lambda a, x: _rounded(np.sin, x[0]),
    "Softplus": _softplus,
    "Softsign": lambda a, x: x[0] * (_ONE / (_ONE + np.abs(x[0]))),
    "Sqrt": lambda a, x: np.sqrt(x[0]),
    "Sub": lambda a, x: x[0] - x[1],
    "Sum": lambda a, x: reduce(np.add, x),
    "Tanh": lambda a, x: tanh_mlas(x[0]),
    "ThresholdedRelu": lambda a, x: np.where(x[0] > _number(a, "alpha", 1.0), x[0], np.float32(0)),
    "Where": lambda a, x: np.where(x[0] != 0, x[1], x[2]),
}
# Those of which the last numbers of a tensor may differ from the others.
LAST_FUNCTIONS: Mapping[str, Function] = {
    name: partial(function, elu=elu_library)
    for name, function in (("Celu", _celu), ("Elu", _elu), ("Selu", _selu))
}
# Comparisons, which make no numbers that may be quantised.
CONDITIONS = ("And", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Not", "Or")
# Some of the runtime's numbers have another last bit.
APPROXIMATE = ("Celu", "Cos", "Elu", "Log", "Mish", "Pow", "Selu", "Sin", "Softplus")
_MOST = 1 << 30
# The fewest and the most operands of those that may have more than one.
FUNCTION_OPERANDS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys((name for name in CONDITIONS if name != "Not"), (2, 2)),
    **dict.fromkeys(("FloorDiv", "Mod", "NotEqual"), (2, 2)),
    **dict.fromkeys(("Add", "Div", "Mul", "Pow", "PRelu", "Sub"), (2, 2)),
    **dict.fromkeys(("Max", "Mean", "Min", "Sum"), (1, _MOST)),
    "Clip": (1, 3),
    "Where": (3, 3),
}

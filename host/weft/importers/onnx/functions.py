"""ONNX's float functions, as ONNX Runtime computes them."""

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError

__all__ = ["FUNCTIONS", "OPERANDS", "VARIADIC", "Float32"]

Float32 = NDArray[Any]
Attributes = Mapping[str, Any]
Function = Callable[[Attributes, list[Any]], Float32]

_ONE = np.float32(1)


def _number(attributes: Attributes, name: str, default: float) -> np.float32:
    return np.float32(attributes.get(name, default))


def _elu(attributes: Attributes, x: list[Any]) -> Float32:
    from weft.golden import arithmetic as golden

    return golden.elu_eigen(x[0], attributes.get("alpha", 1.0))


def _golden(name: str) -> Function:
    def function(attributes: Attributes, x: list[Any]) -> Float32:
        from weft.golden import arithmetic as golden

        return getattr(golden, name)(x[0])

    return function


def _gelu(attributes: Attributes, x: list[Any]) -> Float32:
    from weft.golden import arithmetic as golden

    return golden.gelu_mlas(x[0], approximate=attributes.get("approximate", "none") == "tanh")


def _hard_sigmoid(attributes: Attributes, x: list[Any]) -> Float32:
    alpha, beta = _number(attributes, "alpha", 0.2), _number(attributes, "beta", 0.5)
    return np.clip(x[0] * alpha + beta, np.float32(0), _ONE)


def _clip(attributes: Attributes, x: list[Any]) -> Float32:
    low, high = (*x[1:], None, None)[:2]
    low = attributes.get("min", -np.inf) if low is None else low
    high = attributes.get("max", np.inf) if high is None else high
    return np.minimum(np.maximum(x[0], np.float32(low)), np.float32(high))


def _selu(attributes: Attributes, x: list[Any]) -> Float32:
    from weft.golden import arithmetic as golden

    alpha = attributes.get("alpha", 1.67326319217681884765625)
    return _number(attributes, "gamma", 1.05070102214813232421875) * golden.elu_eigen(x[0], alpha)


def _celu(attributes: Attributes, x: list[Any]) -> Float32:
    alpha = _number(attributes, "alpha", 1.0)
    return np.where(x[0] >= 0, x[0], _elu({}, [x[0] / alpha]) * alpha)


def _softplus(attributes: Attributes, x: list[Any]) -> Float32:
    from weft.golden import arithmetic as golden

    return np.maximum(x[0], np.float32(0)) + np.log1p(golden.exp_mlas(-np.abs(x[0])))


def _mish(attributes: Attributes, x: list[Any]) -> Float32:
    from weft.golden import arithmetic as golden

    return x[0] * golden.tanh_mlas(_softplus({}, x))


def _power(attributes: Attributes, x: list[Any]) -> Float32:
    if x[1].size != 1 or x[1] not in (2, 3):
        raise ModelError("Pow is supported with the exponents 2 and 3 alone")
    return x[0] * x[0] if x[1] == 2 else x[0] * x[0] * x[0]


def _leaky(attributes: Attributes, x: list[Any]) -> Float32:
    return np.where(x[0] >= 0, x[0], _number(attributes, "alpha", 0.01) * x[0])


# Arithmetic is exact float32; the functions that approximate are those of the golden model.
FUNCTIONS: dict[str, Function] = {
    "Abs": lambda a, x: np.abs(x[0]),
    "Add": lambda a, x: x[0] + x[1],
    "Ceil": lambda a, x: np.ceil(x[0]),
    "Celu": _celu,
    "Clip": _clip,
    "Div": lambda a, x: x[0] / x[1],
    "Elu": _elu,
    "Erf": _golden("erf_mlas"),
    "Exp": _golden("exp_mlas"),
    "Floor": lambda a, x: np.floor(x[0]),
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda a, x: x[0] * _hard_sigmoid({"alpha": 1 / 6}, x),
    "LeakyRelu": _leaky,
    "Max": lambda a, x: reduce(np.maximum, x),
    "Min": lambda a, x: reduce(np.minimum, x),
    "Mish": _mish,
    "Mul": lambda a, x: x[0] * x[1],
    "Neg": lambda a, x: -x[0],
    "Pow": _power,
    "PRelu": lambda a, x: np.where(x[0] >= 0, x[0], x[1] * x[0]),
    "Reciprocal": lambda a, x: _ONE / x[0],
    "Relu": lambda a, x: np.maximum(x[0], np.float32(0)),
    "Selu": _selu,
    "Sigmoid": _golden("logistic_mlas"),
    "Softplus": _softplus,
    "Softsign": lambda a, x: x[0] * (_ONE / (_ONE + np.abs(x[0]))),
    "Sqrt": lambda a, x: np.sqrt(x[0]),
    "Sub": lambda a, x: x[0] - x[1],
    "Tanh": _golden("tanh_mlas"),
}
# Operators that need more than one operand.
OPERANDS = {"Add": 2, "Div": 2, "Max": 2, "Min": 2, "Mul": 2, "Pow": 2, "PRelu": 2, "Sub": 2}
# Operators that may have more operands than that.
VARIADIC = ("Clip", "Max", "Min")

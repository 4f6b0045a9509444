"""Float functions of one quantised tensor, alone or one after the other, as a table."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.importers.onnx_builder import Builder
from weft.importers.onnx_values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Step,
    Value,
)

__all__ = ["FUNCTIONS", "is_function", "operators_of", "tabulate"]

Float32 = NDArray[Any]
Attributes = dict[str, Any]
Function = Callable[[Attributes, list[Any]], Float32]

_ONE = np.float32(1)
_DEEPEST = 64


def _number(attributes: Attributes, name: str, default: float) -> np.float32:
    return np.float32(attributes.get(name, default))


def _elu(attributes: Attributes, x: list[Any]) -> Float32:
    from weft_sim import golden

    return golden.elu_eigen(x[0], attributes.get("alpha", 1.0))


def _golden(name: str) -> Function:
    def function(attributes: Attributes, x: list[Any]) -> Float32:
        from weft_sim import golden

        return getattr(golden, name)(x[0])

    return function


def _gelu(attributes: Attributes, x: list[Any]) -> Float32:
    from weft_sim import golden

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
    from weft_sim import golden

    alpha = attributes.get("alpha", 1.67326319217681884765625)
    return _number(attributes, "gamma", 1.05070102214813232421875) * golden.elu_eigen(x[0], alpha)


def _celu(attributes: Attributes, x: list[Any]) -> Float32:
    alpha = _number(attributes, "alpha", 1.0)
    return np.where(x[0] >= 0, x[0], _elu({}, [x[0] / alpha]) * alpha)


def _softplus(attributes: Attributes, x: list[Any]) -> Float32:
    from weft_sim import golden

    return np.maximum(x[0], np.float32(0)) + np.log1p(golden.exp_mlas(-np.abs(x[0])))


def _mish(attributes: Attributes, x: list[Any]) -> Float32:
    from weft_sim import golden

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
    "Max": lambda a, x: np.maximum(x[0], x[1]),
    "Min": lambda a, x: np.minimum(x[0], x[1]),
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
}  # fmt: skip
# Operators that need more than one operand.
_OPERANDS = {"Add": 2, "Div": 2, "Max": 2, "Min": 2, "Mul": 2, "Pow": 2, "PRelu": 2, "Sub": 2}


def _leaves(value: Value | None, depth: int = 0) -> list[Value]:
    if value is None:
        return []
    if not isinstance(value, Pending):
        return [value]
    if value.operator not in FUNCTIONS or depth > _DEEPEST:
        raise ModelError(f"the result of {value.operator} is not quantised")
    found = [leaf for operand in value.operands for leaf in _leaves(operand, depth + 1)]
    if len(found) > _DEEPEST:
        raise ModelError(f"{value.operator} and what is before it are too large an expression")
    return found


def operators_of(value: Pending) -> set[str]:
    """Return the names of ``value`` and of the float functions of which it is computed."""
    names, waiting = {value.name}, [value]
    while waiting:
        pending = waiting.pop()
        inner = [x for x in pending.operands if isinstance(x, Pending)]
        if pending.operator in FUNCTIONS:
            waiting += [x for x in inner if x.name not in names]
            names.update(x.name for x in inner)
    return names


def is_function(value: Value | None) -> bool:
    """Whether ``value`` is a float function of one quantised tensor and of numbers."""
    if not isinstance(value, Pending) or value.activation != "NONE":
        return False
    try:
        leaves = _leaves(value)
    except ModelError:
        return False
    variable = {x.tensor for x in leaves if isinstance(x, Activation) and x.step is not None}
    return len(variable) == 1 and all(
        x.step is not None if isinstance(x, Activation)
        else isinstance(x, Constant | QuantizedConstant) and x.data.size == 1 for x in leaves
    )  # fmt: skip


def _evaluate(value: Value | None, real: Float32) -> Any:
    """Return what a leaf or function is for each of the 256 values of the tensor."""
    if value is None:
        return None
    if isinstance(value, Activation):
        return real
    if isinstance(value, Constant):
        return np.float32(value.data.reshape(-1)[0])
    if isinstance(value, QuantizedConstant):
        step = value.quantization
        return step.scale[0] * np.float32(int(value.data.reshape(-1)[0]) - step.zero_point[0])
    operands = [_evaluate(operand, real) for operand in value.operands]
    wanted = _OPERANDS.get(value.operator, 1)
    if len(operands) < wanted or any(x is None for x in operands[:wanted]):
        raise ModelError(f"{value.operator} must have {wanted} operands")
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[value.operator](value.attributes, operands), np.float32)


def tabulate(
    builder: Builder, pending: Pending, step: Step, output: str
) -> Activation:
    """Add TABLE for a float function whose result is quantised by ``step`` now.

    Raises
    ------
    ModelError
        If it depends on more than one quantised tensor, or on constants that are no numbers.
    """
    if not is_function(pending):
        _leaves(pending)
        raise ModelError(f"{pending.operator} is not a function of one quantised tensor alone")
    source = next(x for x in _leaves(pending) if isinstance(x, Activation))
    before = source.step
    if before is None:
        raise ModelError(f"the input of {pending.operator} is not quantised")
    if len(source.shape) == 4:
        source = builder.channels_last(source)
    values = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    real = before.scale * (values - before.zero_point).astype(np.float32)
    result = np.broadcast_to(np.asarray(_evaluate(pending, real)), (256,))
    with np.errstate(all="ignore"):
        steps = np.rint(result / step.scale).astype(np.float64)
    # Not-a-number becomes zero, as where a tensor is quantised.
    steps = np.clip(np.nan_to_num(steps, nan=0.0), -1e9, 1e9)
    table = np.clip(steps + step.zero_point, -128, 127).astype(np.int64)
    tensor = builder.emit(
        "TABLE", pending.name, (source.tensor,), output, {"table": tuple(table.tolist())},
        step=step,
    )  # fmt: skip
    return replace(source, tensor=tensor, step=step)


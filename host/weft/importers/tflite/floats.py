"""Operators that a quantised file leaves in float32, between DEQUANTIZE and QUANTIZE or behind."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import ACTIVATIONS, Runtime
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.windows import activation

__all__ = ["FLOATS", "computes_floats"]

_BINARY = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "MAXIMUM": "Max",
    "MINIMUM": "Min",
}
_UNARY = {
    "ABS": "Abs",
    "ELU": "Elu",
    "EXP": "Exp",
    "HARD_SWISH": "HardSwish",
    "LOG": "Log",
    "LOGISTIC": "Sigmoid",
    "NEG": "Neg",
    "SQRT": "Sqrt",
    "TANH": "Tanh",
}


# Whose last bit the C library decides.
_LIBRARY = ("Elu", "Exp", "Gelu", "Log", "Sigmoid", "Tanh")


def computes_floats(layer: Layer) -> bool:
    """Whether an operator reads and makes float32 alone."""
    if layer.kind not in FLOATS:
        return False
    tensors = [layer.input(i) for i in range(len(layer.operator.inputs)) if layer.has(i)]
    numbers = [t for t in (*tensors, *layer.outputs) if t.dtype not in (np.int32, np.int64)]
    return bool(numbers) and all(tensor.dtype == np.float32 for tensor in numbers)


def _function(
    layer: Layer,
    function: str,
    operands: tuple[str | None, ...],
    last: bool = True,
    **more: float | str,
) -> str:
    """Add FUNCTION; unless it is the ``last`` node its result is a tensor in between."""
    output = layer.output.name
    if not last:
        output = layer.add(layer.output.shape, dtype=np.float32)
    island: dict[str, Any] = {"island": True} if function in _LIBRARY else {}
    layer.emit("FUNCTION", operands, output, function=function, **more, **island)
    return output


def _clamped(layer: Layer, kind: str, operands: tuple[str | None, ...]) -> None:
    """Add FUNCTION ``kind`` with the fused activation of the layer."""
    name = f"{layer.kind.capitalize()}Options"
    options = layer.optional(name) if layer.kind in ("ADD", "SUB", "MUL", "DIV") else None
    clamp = activation(options)
    result = _function(layer, kind, operands, last=clamp == "NONE")
    if clamp != "NONE":
        _clamp(layer, clamp, result)


def _clamp(layer: Layer, clamp: str, operand: str | None) -> None:
    low, high = ACTIVATIONS[clamp]
    if math.isfinite(high):
        _function(layer, "Clip", (operand,), min=low, max=high)
    else:
        _function(layer, "Relu", (operand,))


def _binary(layer: Layer) -> None:
    _clamped(layer, _BINARY[layer.kind], layer.names(2))


def _unary(layer: Layer) -> None:
    _require_reference(layer)
    _function(layer, _UNARY[layer.kind], layer.names(1))


def _activation(layer: Layer) -> None:
    _clamp(layer, layer.kind, layer.input(0).name)


def _require_reference(layer: Layer) -> None:
    """Refuse what XNNPACK computes by other steps in float32."""
    if layer.runtime == Runtime.XNNPACK and layer.kind in ("HARD_SWISH", "RSQRT", "SQRT"):
        raise ModelError(f"XNNPACK's {layer.kind} of float32 is not supported")


def _inverse_root(layer: Layer) -> None:
    _require_reference(layer)
    root = _function(layer, "Sqrt", layer.names(1), last=False)
    _function(layer, "Reciprocal", (root,))


def _squared_difference(layer: Layer) -> None:
    difference = _function(layer, "Sub", layer.names(2), last=False)
    _function(layer, "Mul", (difference, difference))


def _gelu(layer: Layer) -> None:
    options = layer.optional("GeluOptions")
    approximate = options is not None and options.Approximate
    _function(layer, "Gelu", layer.names(1), approximate="tanh" if approximate else "none")


def _leaky(layer: Layer) -> None:
    alpha = float(layer.options("LeakyReluOptions").Alpha)
    _function(layer, "LeakyRelu", layer.names(1), alpha=alpha)


def _prelu(layer: Layer) -> None:
    layer.constant(1)
    _function(layer, "PRelu", layer.names(2))


def _softmax(layer: Layer) -> None:
    beta = float(layer.options("SoftmaxOptions").Beta)
    layer.emit("SOFTMAX", layer.names(1), beta=beta, island=True)


def _log_softmax(layer: Layer) -> None:
    layer.emit("LOG_SOFTMAX", layer.names(1), island=True)


def _concatenation(layer: Layer) -> None:
    options = layer.options("ConcatenationOptions")
    if activation(options) != "NONE":
        raise ModelError("CONCATENATION of float32 with an activation is not supported")
    axis = layer.axis(options.Axis, len(layer.output.shape))
    layer.emit("CONCATENATION", layer.names(), axis=axis, activation="NONE")


FLOATS: dict[str, Callable[[Layer], None]] = {
    **dict.fromkeys(_BINARY, _binary),
    **dict.fromkeys(_UNARY, _unary),
    **dict.fromkeys(("RELU", "RELU6", "RELU_N1_TO_1"), _activation),
    "RSQRT": _inverse_root,
    "SQUARED_DIFFERENCE": _squared_difference,
    "GELU": _gelu,
    "LEAKY_RELU": _leaky,
    "PRELU": _prelu,
    "CONCATENATION": _concatenation,
    "SOFTMAX": _softmax,
    "LOG_SOFTMAX": _log_softmax,
}

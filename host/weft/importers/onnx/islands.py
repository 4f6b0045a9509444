"""Float islands: what a file computes in float between DequantizeLinear and QuantizeLinear.

Their rule: sums of products of integers are exact, the rest is computed in real numbers (float64),
and the next QuantizeLinear rounds once. No runtime's float32 sums are followed.
"""

from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden.arithmetic import APPROXIMATE, FLOAT32_FUNCTIONS
from weft.graph import ACTIVATIONS, OPERATORS, REAL
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.tables import check_operands, is_function
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Value,
    float32_of,
    real_of,
    take,
)
from weft.importers.onnx.windows import has_scales_along

__all__ = [
    "BINARY",
    "LINEAR",
    "add_activation",
    "add_affine",
    "add_function",
    "bare_layers",
    "needs_reals",
]

LINEAR = ("Conv", "ConvTranspose", "Gemm", "MatMul")
BINARY = ("Add", "Sub", "Mul")
_REAL = ("LogSoftmax", "ReduceSum")  # the runtime computes them in float32, in its own order
_PARAMETERS = ("alpha", "approximate", "beta", "gamma", "max", "min")


def needs_reals(pending: Pending) -> bool:
    """Whether no operator on integers can stand for ``pending``, whatever quantises it."""
    if (
        pending.affine is not None
        or pending.operator in _REAL
        or any(isinstance(x, Activation) and x.qparams is None for x in pending.operands)
    ):
        return True
    if pending.operator in LINEAR:
        weights, axis = take(pending.operands, 1), int(pending.operator != "Conv")
        if not isinstance(weights, QuantizedConstant):
            return True
        if pending.operator == "MatMul":
            axis = weights.data.ndim - 1
        return not has_scales_along(weights, axis - pending.attributes.get("transB", 0))
    if pending.operator in BINARY and all(map(_is_tensor, pending.operands)):
        return False
    if pending.activation != "NONE":
        return True
    return pending.operator in FLOAT32_FUNCTIONS and not is_function(pending)


def _is_tensor(value: Value | None) -> bool:
    """Whether ``value`` is quantised with one scale."""
    if isinstance(value, QuantizedConstant):
        return value.quantization.scale.size == 1
    return isinstance(value, Activation)


def add_function(builder: Builder, pending: Pending, output: str) -> Activation:
    """Add FUNCTION, or the operator of that name, on the operands of ``pending``.

    Of quantised tensors and float32 numbers it makes float32, as the runtime does. Where what it
    reads is real, or the function is known approximately, its result is real.
    """
    operator = pending.operator
    check_operands(pending)
    exact = operator not in APPROXIMATE and not any(_is_real(builder, x) for x in pending.operands)
    names, value = _aligned(builder, pending.name, pending.operands, exact=exact)
    parameters = {key: pending.attributes[key] for key in _PARAMETERS if key in pending.attributes}
    kind, attributes = "FUNCTION", {"function": operator, **parameters}
    if operator in BINARY and not exact:
        kind, attributes = operator.upper(), {"activation": "NONE"}
    dtype = np.dtype(np.float32) if exact else REAL
    tensor = builder.emit(kind, pending.name, names, output, attributes, dtype=dtype)
    return replace(value, tensor=tensor)


def _is_real(builder: Builder, value: Value | None) -> bool:
    """Whether a tensor or a constant holds real numbers, which float64 stands for."""
    if isinstance(value, Activation):
        return builder.tensors[value.tensor].dtype == REAL
    return isinstance(value, Constant) and value.data.dtype == REAL


def add_activation(
    builder: Builder, name: str, value: Activation, activation: str, output: str
) -> Activation:
    """Add a fused activation as a FUNCTION of real numbers, or of float32."""
    low, high = ACTIVATIONS[activation]
    function, bounds = ("Clip", {"min": low, "max": high}) if isfinite(high) else ("Relu", {})
    layer = Pending(function, f"{name}/{function}", bounds, (value,))
    return add_function(builder, layer, output)


def add_affine(builder: Builder, layer: Pending, value: Activation, output: str) -> Activation:
    """Add the multiplication and addition that follow ``layer``, channel by channel.

    ``value`` is what the layer makes without them.
    """
    name, affine = layer.name, layer.affine
    if affine is None:
        return value
    # A matrix product has its channels last, a convolution behind the images.
    behind = 0 if layer.operator in ("Gemm", "MatMul") else len(value.shape) - 2
    column = (-1, *(1,) * behind)
    for operator, numbers, same in (
        ("Mul", affine.factor, 1.0),
        ("Add", affine.offset, 0.0),
    ):
        if not np.all(numbers == same):
            operand = _Reals(numbers.reshape(column))
            names, value = _aligned(builder, f"{name}/{operator}", (value, operand))
            label = f"{output}/{operator}"
            tensor = builder.emit(operator.upper(), label, names, label, {"activation": "NONE"})
            value = replace(value, tensor=tensor)
    return value


def bare_layers(builder: Builder) -> list[Pending]:
    """Return the layers in float, if the network has none on integers.

    Those with weights count; where there are no weights at all, every operator does.
    """
    weights = [
        builder.tensors[str(node.inputs[1])]
        for node in builder.nodes
        if OPERATORS[node.operator].weighted
    ]
    # Weights whose scales run along another dimension are real, but come from integers.
    if any(tensor.dtype != np.float32 for tensor in weights or builder.tensors.values()):
        return []
    bare = [x for x in builder.reals.operators() if x.operator in LINEAR or not weights]
    return list({pending.name: pending for pending in bare}.values())


class _Reals(Constant):
    """A constant of float64 that no file has."""


def _aligned(
    builder: Builder, name: str, operands: tuple[Value | None, ...], *, exact: bool = False
) -> tuple[tuple[str | None, ...], Activation]:
    """Return tensors in one order of dimensions, and what an operator on them makes.

    The ``tensor`` of the latter is still to be filled in. Constants are float64, or ``exact``
    float32.
    """
    values = [x for x in operands if isinstance(x, Activation)]
    if not values:
        raise ModelError("an operator in float has no operand that is a tensor")
    arrays: list[NDArray[np.floating] | Activation | None] = []
    for operand in operands:
        if isinstance(operand, Constant | QuantizedConstant):
            arrays.append(float32_of(operand) if exact else real_of(operand))
        elif operand is None or isinstance(operand, Activation):
            arrays.append(operand)
        else:
            raise ModelError(f"the result of {operand.operator} is not quantised")
    shapes = [x.shape for x in arrays if x is not None]
    try:
        shape = tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        text = " and ".join(map(str, shapes))
        raise ModelError(f"shapes {text} do not fit each other") from None
    rank = len(shape)
    last = all(len(x.shape) == rank and x.layout != "flat" for x in values) and (
        rank == 4 or (rank == 3 and any(x.layout == "channels_last" for x in values))
    )
    names: list[str | None] = []
    for position, x in enumerate(arrays):
        if x is None:
            names.append(None)
        elif isinstance(x, Activation):
            names.append((builder.channels_last(x) if last else builder.plain(x)).tensor)
        else:
            data = _channels_last(x, rank) if last and x.ndim else x
            names.append(builder.constant(f"{name}/{position}", data))
    return tuple(names), Activation("", shape, "channels_last" if last else "plain", None)


def _channels_last(data: NDArray[Any], rank: int) -> NDArray[Any]:
    data = data.reshape((1,) * (rank - data.ndim) + data.shape)
    return data.transpose(0, 2, 3, 1) if rank == 4 else data.transpose(0, 2, 1)[:, None]

"""Float islands: what a file computes in float between DequantizeLinear and QuantizeLinear.

Their rule: sums of products of integers are exact, the rest is computed in real numbers (float64),
and the next QuantizeLinear rounds once. No runtime's float32 sums are followed.
"""

from dataclasses import replace
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import ACTIVATIONS, OPERATORS
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.functions import FUNCTIONS, OPERANDS, VARIADIC
from weft.importers.onnx.tables import is_function
from weft.importers.onnx.values import (
    Activation,
    Affine,
    Constant,
    Pending,
    QuantizedConstant,
    Value,
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
_PARAMETERS = ("alpha", "approximate", "beta", "gamma", "max", "min")


def needs_reals(pending: Pending) -> bool:
    """Whether no operator on integers can stand for ``pending``, whatever quantises it."""
    if pending.affine is not None or any(
        isinstance(x, Activation) and x.step is None for x in pending.operands
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
    return pending.operator in FUNCTIONS and not is_function(pending)


def _is_tensor(value: Value | None) -> bool:
    """Whether ``value`` is quantised with one scale."""
    if isinstance(value, QuantizedConstant):
        return value.quantization.scale.size == 1
    return isinstance(value, Activation)


def add_function(builder: Builder, pending: Pending, output: str) -> Activation:
    """Add FUNCTION, or the operator of that name, on the operands of ``pending``."""
    operator, wanted = pending.operator, OPERANDS.get(pending.operator, 1)
    found = len([x for x in pending.operands[:wanted] if x is not None])
    if found < wanted or (len(pending.operands) > wanted and operator not in VARIADIC):
        raise ModelError(f"{operator} must have {wanted} operands")
    names, value = _aligned(builder, pending.name, pending.operands)
    parameters = {key: pending.attributes[key] for key in _PARAMETERS if key in pending.attributes}
    kind, attributes = "FUNCTION", {"function": operator, **parameters}
    if operator in BINARY:
        kind, attributes = operator.upper(), {"activation": "NONE"}
    tensor = builder.emit(kind, pending.name, names, output, attributes)
    return replace(value, tensor=tensor)


def add_activation(
    builder: Builder, name: str, value: Activation, activation: str, output: str
) -> Activation:
    """Add a fused activation as a FUNCTION of real numbers."""
    low, high = ACTIVATIONS[activation]
    function, bounds = ("Clip", {"min": low, "max": high}) if isfinite(high) else ("Relu", {})
    attributes = {"function": function, **bounds}
    tensor = builder.emit("FUNCTION", f"{name}/{function}", (value.tensor,), output, attributes)
    return replace(value, tensor=tensor)


def add_affine(
    builder: Builder, name: str, value: Activation, affine: Affine, output: str
) -> Activation:
    """Add the multiplication and addition that follow a layer, channel by channel."""
    axes = 1 if value.layout == "plain" and len(value.shape) < 3 else len(value.shape) - 1
    column = (-1,) if axes == 1 else (-1, *(1,) * (axes - 1))
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
    bare = [x for x in builder.reals if x.operator in LINEAR or not weights]
    return list({pending.name: pending for pending in bare}.values())


class _Reals(Constant):
    """A constant of float64 that no file has."""


def _aligned(
    builder: Builder, name: str, operands: tuple[Value | None, ...]
) -> tuple[tuple[str | None, ...], Activation]:
    """Return tensors in one order of dimensions, and what an operator on them makes.

    The ``tensor`` of the latter is still to be filled in.
    """
    values = [x for x in operands if isinstance(x, Activation)]
    if not values:
        raise ModelError("an operator in float has no operand that is a tensor")
    arrays: list[NDArray[np.float64] | Activation | None] = []
    for operand in operands:
        if isinstance(operand, Constant | QuantizedConstant):
            arrays.append(real_of(operand))
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


def _channels_last(data: NDArray[np.float64], rank: int) -> NDArray[np.float64]:
    data = data.reshape((1,) * (rank - data.ndim) + data.shape)
    return data.transpose(0, 2, 3, 1) if rank == 4 else data.transpose(0, 2, 1)[:, None]

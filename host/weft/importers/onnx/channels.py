"""Activations with a scale for each channel: integers of scale 1, divided and multiplied around.

NNCF writes such in front of depthwise convolutions. Where zero points differ, too, they are added
and subtracted as real numbers.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.importers.onnx.affine import scaled
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.islands import add_function
from weft.importers.onnx.pending import pending_of
from weft.importers.onnx.tables import is_function
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    Value,
    qparams_of,
    take,
)

__all__ = ["dequantized", "divided"]

Operands = tuple[Value | None, ...]
_ONE = Constant(np.ones((), np.float32))


def divided(
    builder: Builder, operands: Operands, attributes: Attributes, name: str
) -> tuple[Value | None, QParams]:
    """Return what a QuantizeLinear of ``operands`` rounds, and by which scale and zero point.

    Raises
    ------
    ModelError
        If scale and zero point are no constants that can be told apart by channel.
    """
    value, kind = take(operands, 0), attributes.get("output_dtype", 0)
    scales = _scales(take(operands, 1), attributes.get("axis", 1))
    if scales is None:
        return value, qparams_of(take(operands, 1), take(operands, 2), kind)
    zeros, qparams = _zero_points(take(operands, 2), kind)
    if zeros is None and (layer := scaled(value, scales)) is not None:
        return layer, qparams
    if isinstance(value, Pending) and not (zeros is None and is_function(value)):
        value = real(builder, value, value.name)
    column = (-1, *(1,) * (len(_shape(value)) - 2))
    operands = (value, Constant(scales.reshape(column)))
    quotient = pending_of(builder, "Div", f"{name}/Div", Attributes(), operands)
    if zeros is None:
        return quotient, qparams
    # The zero point comes behind the rounding, where it does not turn ties.
    whole = Pending("Round", f"{name}/Round", Attributes(), (quotient,))
    rounded = add_function(builder, _settled(builder, whole), f"{name}/Round")
    return Pending("Add", name, Attributes(), (rounded, Constant(zeros.reshape(column)))), qparams


def dequantized(value: Activation, operands: Operands, axis: int, name: str) -> Value:
    """Return the real numbers of a quantised tensor.

    Raises
    ------
    ModelError
        If it was quantised in another way.
    """
    if value.qparams is None:
        raise ModelError("DequantizeLinear of a float tensor is not supported")
    unsigned = value.qparams.unsigned
    scales = _scales(take(operands, 1), axis)
    zeros, qparams = None, None
    if scales is None:
        qparams = qparams_of(take(operands, 1), take(operands, 2), unsigned=unsigned)
    else:
        zeros, qparams = _zero_points(take(operands, 2), 0, unsigned=unsigned)
    if value.qparams != qparams:
        raise ModelError("its scale and zero point differ from those of its input")
    if scales is None:
        return replace(value, qparams=qparams)
    if value.shape[1:2] != scales.shape:
        raise ModelError(f"{len(scales)} scales do not fit the channels of {value.shape}")
    column = (-1, *(1,) * (len(value.shape) - 2))
    steps: Value = value
    if zeros is not None:
        offset = Constant(zeros.reshape(column))
        steps = Pending("Sub", f"{name}/Sub", Attributes(), (value, offset))
    return Pending("Mul", name, Attributes(), (steps, Constant(scales.reshape(column))))


def _scales(value: Value | None, axis: int) -> NDArray[np.float64] | None:
    if not isinstance(value, Constant) or value.data.size == 1:
        return None
    scales = value.data
    if axis != 1 or scales.ndim != 1 or scales.dtype != np.float32:
        raise ModelError("an activation's scales must be one float32 number, or one a channel")
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ModelError("every scale must be a positive number")
    return scales.astype(np.float64)


def _zero_points(
    value: Value | None, kind: int, *, unsigned: bool = True
) -> tuple[NDArray[np.float64] | None, QParams]:
    """Return zero points, where they differ by channel, and the qparams of the integers."""
    if not isinstance(value, Constant) or value.data.size < 2:
        return None, qparams_of(_ONE, value, kind, unsigned=unsigned)
    zeros = value.data.reshape(-1)
    qparams = qparams_of(_ONE, replace(value, data=zeros[0]), kind)
    if np.all(zeros == zeros[0]):
        return None, qparams
    offset = 128 if qparams.unsigned else 0
    return zeros.astype(np.float64) - offset, replace(qparams, zero_point=0)


def _settled(builder: Builder, pending: Pending) -> Pending:
    inner = (real(builder, x, x.name) if isinstance(x, Pending) else x for x in pending.operands)
    return replace(pending, operands=tuple(inner))


def _shape(value: Value | None) -> tuple[int, ...]:
    """Return the shape of a tensor, or that of which a function is computed."""
    while isinstance(value, Pending):
        value = next(x for x in value.operands if isinstance(x, Activation | Pending))
    if not isinstance(value, Activation) or len(value.shape) < 2:
        raise ModelError("what has a scale for each channel must be a tensor with channels")
    return value.shape

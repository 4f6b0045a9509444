"""ONNX's normalisations by mean and variance of what is normalised: layers of a float island."""

import math

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.pending import pending_of
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Value,
    real_of,
    take,
)

__all__ = ["NORMALISATIONS", "local_response", "normalisation_of"]

NORMALISATIONS = ("GroupNormalization", "InstanceNormalization", "LayerNormalization")
Operands = tuple[Value | None, ...]


def normalisation_of(
    builder: Builder, operator: str, name: str, attributes: Attributes, operands: Operands
) -> Pending:
    """Return one of ``NORMALISATIONS`` as differences from the mean, divided and multiplied.

    Raises
    ------
    ModelError
        If its parameters are no constants that fit its input.
    """
    x = take(operands, 0)
    if isinstance(x, Pending):
        x = real(builder, x, x.name)
    if not isinstance(x, Activation) or len(x.shape) < 2:
        raise ModelError(f"the input of {operator} is not quantised, or has less than 2 dimensions")
    shape, epsilon = x.shape, attributes["epsilon"]
    if operator == "LayerNormalization":
        axis = attributes["axis"]
        axis += len(shape) if axis < 0 else 0
        if not 0 <= axis < len(shape):
            raise ModelError(f"{operator} from axis {axis} of {len(shape)} dimensions on")
        result = _centred(builder, name, x, tuple(range(axis, len(shape))), epsilon)
        return _scaled(builder, name, result, operands, shape[axis:])
    column = (shape[1], *(1,) * (len(shape) - 2))
    if operator == "InstanceNormalization":
        result = _centred(builder, name, x, tuple(range(2, len(shape))), epsilon)
        return _scaled(builder, name, result, operands, column)
    groups = attributes["num_groups"]
    if groups < 1 or shape[1] % groups:
        raise ModelError(f"{operator} of {shape[1]} channels in {groups} groups is not possible")
    grouped = _reshaped(builder, f"{name}/groups", x, (0, groups, -1))
    result = _centred(builder, name, grouped, (2,), epsilon)
    whole = _reshaped(builder, f"{name}/channels", result, (0, *shape[1:]))
    return _scaled(builder, name, whole, operands, column)


def local_response(
    builder: Builder, name: str, attributes: Attributes, operands: Operands
) -> Pending:
    """Return LRN: a tensor divided by a power of the squares in neighbouring channels.

    Raises
    ------
    ModelError
        If its input is no image, or the window has no middle.
    """
    x, size = take(operands, 0), attributes["size"]
    if isinstance(x, Pending):
        x = real(builder, x, x.name)
    if not isinstance(x, Activation) or len(x.shape) != 4 or size < 1 or size % 2 == 0:
        raise ModelError(f"LRN of {size} channels is not possible, or its input is no image")
    channel = np.arange(x.shape[1])
    window = np.abs(channel[:, None] - channel) <= size // 2
    weights = Constant(window.astype(np.float32)[:, :, None, None])
    square = _apply(builder, "Mul", f"{name}/square", x, x)
    total = pending_of(builder, "Conv", f"{name}/total", Attributes({}), (square, weights))
    share = Constant(np.array(attributes["alpha"] / size))
    scaled = _apply(builder, "Mul", f"{name}/share", total, share)
    wide = _apply(builder, "Add", f"{name}/bias", scaled, Constant(np.array(attributes["bias"])))
    power = _apply(builder, "Pow", f"{name}/power", wide, Constant(np.array(attributes["beta"])))
    return _apply(builder, "Div", name, x, power)


def _apply(builder: Builder, operator: str, name: str, *operands: Value) -> Pending:
    return pending_of(builder, operator, f"{name}/{operator}", Attributes(), operands)


def _reshaped(builder: Builder, name: str, x: Value, shape: tuple[int, ...]) -> Pending:
    target = Constant(np.array(shape, np.int64))
    return pending_of(builder, "Reshape", name, Attributes(), (x, target))


def _centred(
    builder: Builder, name: str, x: Value, axes: tuple[int, ...], epsilon: float
) -> Pending:
    """Return the distance from the mean over ``axes``, in standard deviations."""
    options = Attributes({"axes": axes, "keepdims": 1}, 13)
    x = real(builder, x, name) if isinstance(x, Pending) else x
    mean = pending_of(builder, "ReduceMean", f"{name}/mean", options, (x,))
    centred = _apply(builder, "Sub", name, x, mean)
    square = _apply(builder, "Mul", f"{name}/square", centred, centred)
    variance = pending_of(builder, "ReduceMean", f"{name}/variance", options, (square,))
    wide = _apply(builder, "Add", f"{name}/epsilon", variance, Constant(np.array(epsilon)))
    return _apply(builder, "Div", name, centred, _apply(builder, "Sqrt", name, wide))


def _scaled(
    builder: Builder, name: str, x: Value, operands: Operands, shape: tuple[int, ...]
) -> Pending:
    """Return ``x`` times the scale, plus the bias if there is one; they have ``shape``."""
    for operator, operand in zip(("Mul", "Add"), operands[1:], strict=False):
        if operand is None:
            continue
        if not isinstance(operand, Constant | QuantizedConstant) or operand.data.size != math.prod(
            shape
        ):
            raise ModelError(f"the parameters of a normalisation must be constants of {shape}")
        numbers = Constant(real_of(operand).reshape(shape))
        x = _apply(builder, operator, f"{name}/scaled", x, numbers)
    if not isinstance(x, Pending):
        raise ModelError("a normalisation must have a scale")
    return x

"""ONNX operators element by element, and Concat."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    float32_of,
    qparams_of_constant,
)

__all__ = ["binary", "concatenation", "unary"]

Attributes = Mapping[str, Any]


def _activation(value: Value | None, operator: str, *, real: bool = False) -> Activation:
    if not isinstance(value, Activation) or (value.qparams is None and not real):
        raise ModelError(f"the input of {operator} is not quantised")
    return value


def binary(
    builder: Builder, layer: Pending, qparams: QParams, output: str, *, real: bool = False
) -> Activation:
    """Add ADD, SUB or MUL of two activations or an activation and a constant.

    ``real`` says that the runtime has no integer kernel here (:mod:`weft.importers.onnx.fusion`).
    """
    operator, name, operands = layer.operator, layer.name, layer.operands
    if len(operands) != 2:
        raise ModelError(f"{operator} must have two operands")
    images = [x for x in operands if isinstance(x, Activation)]
    if not images or any(not isinstance(x, Activation | QuantizedConstant) for x in operands):
        raise ModelError(f"the operands of {operator} are not quantised")
    shapes = [
        x.shape if isinstance(x, Activation) else x.data.shape
        for x in operands
        if isinstance(x, Activation | QuantizedConstant)
    ]
    try:
        shape = tuple(np.broadcast_shapes(*shapes))
    except ValueError:
        raise ModelError(f"shapes {shapes[0]} and {shapes[1]} do not fit each other") from None
    if operator == "Add" and _is_repeated(*shapes):
        # The order decides the last bit of the sum in float32.
        operands, images = operands[::-1], images[::-1]
    last = all(len(x.shape) == len(shape) and x.layout != "flat" for x in images) and (
        len(shape) == 4 or any(x.layout == "channels_last" for x in images)
    )
    flat = len({x.layout for x in operands if isinstance(x, Activation)}) == 1 and (
        len(images) == 2
        and images[0].layout == "flat"
        and builder.tensors[images[0].tensor].shape == builder.tensors[images[1].tensor].shape
    )
    names = []
    for position, operand in enumerate(operands):
        if isinstance(operand, Activation):
            value = operand
            if last:
                value = builder.channels_last(operand)
            elif not flat:
                value = builder.plain(operand)
            names.append(value.tensor)
        elif isinstance(operand, QuantizedConstant):
            names.append(_constant(builder, f"{name}/{position}", operand, len(shape), last))
    tensor = builder.emit(
        operator.upper(),
        name,
        tuple(names),
        output,
        {"activation": layer.activation, "unsigned": qparams.unsigned}
        | ({"real": True} if real else {}),
        qparams=qparams,
    )
    layout = "channels_last" if last else "flat" if flat else "plain"
    return Activation(tensor, shape, layout, qparams)


def _is_repeated(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether ONNX Runtime reads one value of ``shape`` for many of ``other``.

    Its kernels then exchange the operands. Single values count as repeated.
    """
    for axis in range(-1, -1 - max(min(len(shape), len(other)), 1), -1):
        sizes = (1, *shape)[axis], (1, *other)[axis]
        if max(sizes) > 1:
            return sizes[0] == 1
    return True


def _constant(builder: Builder, name: str, value: QuantizedConstant, rank: int, last: bool) -> str:
    if value.quantization.scale.size != 1:
        raise ModelError("an operand must have one scale for all its channels")
    return builder.constant(name, _in_order(value.data, rank, last), value.quantization)


def concatenation(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str
) -> Activation:
    """Add CONCATENATION; operands of another scale are requantised, some may be constant.

    Without ``qparams`` its result is real.
    """
    values = [
        x
        if isinstance(x, Constant | QuantizedConstant)
        else _activation(x, "Concat", real=qparams is None)
        for x in layer.operands
    ]
    images = [x for x in values if isinstance(x, Activation)]
    if not images:
        raise ModelError("Concat has no operands")
    shapes = [x.shape if isinstance(x, Activation) else x.data.shape for x in values]
    rank = len(shapes[0])
    axis = layer.attributes.get("axis", 1)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < rank or any(len(shape) != rank for shape in shapes):
        raise ModelError(f"Concat along axis {axis} of {rank} dimensions is not supported")
    last = rank == 4 or (rank == 3 and any(x.layout == "channels_last" for x in images))
    names = []
    for number, x in enumerate(values):
        if isinstance(x, Activation):
            names.append((builder.channels_last(x) if last else builder.plain(x)).tensor)
        else:
            label = f"{layer.name}/{number}"
            names.append(_joined_constant(builder, label, x, rank, qparams, last=last))
    position = axis
    if last:
        position = (0, 3, 1, 2)[axis] if rank == 4 else (0, 3, 2)[axis]
    stored = [builder.tensors[name].shape for name in names]
    whole = [*stored[0][:position], sum(x[position] for x in stored), *stored[0][position + 1 :]]
    tensor = builder.emit(
        "CONCATENATION",
        layer.name,
        tuple(names),
        output,
        {"axis": position, "activation": "NONE"},
        qparams=qparams,
        shape=tuple(whole),
    )
    size = sum(shape[axis] for shape in shapes)
    shape = (*shapes[0][:axis], size, *shapes[0][axis + 1 :])
    return Activation(tensor, shape, "channels_last" if last else "plain", qparams)


def _joined_constant(
    builder: Builder,
    name: str,
    value: Constant | QuantizedConstant,
    rank: int,
    qparams: QParams | None,
    *,
    last: bool,
) -> str:
    """Add a constant beside tensors: its integers, or real numbers if there are no ``qparams``."""
    if qparams and isinstance(value, QuantizedConstant) and qparams_of_constant(value):
        return _constant(builder, name, value, rank, last)
    numbers = float32_of(value)
    if not np.isfinite(numbers).all():
        raise ModelError("Concat of numbers that are not finite is not supported")
    if qparams is None:
        return builder.constant(name, _in_order(numbers.astype(np.float64), rank, last))
    steps = np.clip(np.rint(numbers / qparams.scale), -(1 << 30), 1 << 30) + qparams.zero_point
    data = np.clip(steps, -128, 127).astype(np.int8)
    return _constant(builder, name, QuantizedConstant(data, qparams.quantization), rank, last)


def _in_order(data: NDArray[Any], rank: int, last: bool) -> NDArray[Any]:
    """Return a constant in the order of the tensors beside it, its channels ``last`` or not."""
    if not last:
        return data
    data = data.reshape((1,) * (rank - data.ndim) + data.shape)
    return data.transpose(0, 2, 3, 1) if rank == 4 else data.transpose(0, 2, 1)[:, None]


def unary(
    builder: Builder,
    name: str,
    operator: str,
    attributes: Attributes,
    x: Value | None,
    qparams: QParams,
    output: str,
) -> Activation:
    """Add an activation function; it keeps shape and layout."""
    value = _activation(x, operator)
    if len(value.shape) == 4:
        value = builder.channels_last(value)
    attributes = {**attributes, "unsigned": qparams.unsigned}
    tensor = builder.emit(operator, name, (value.tensor,), output, attributes, qparams=qparams)
    return replace(value, tensor=tensor, qparams=qparams)

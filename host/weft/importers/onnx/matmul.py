"""ONNX's MatMul: of tensors, or by constants: one matrix, several, a vector, on either side."""

import math
from dataclasses import replace

import numpy as np

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.gemm import fully_connected, turned_activation
from weft.importers.onnx.slices import part_of
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
    take,
)

__all__ = ["MATMUL", "batch_matmul", "product", "turned"]

MATMUL = "MatMul of tensors"

Operands = tuple[Value | None, ...]
_MOST = 256  # matrices of one MatMul


def turned(builder: Builder, name: str, operands: Operands) -> Pending:
    """Return MatMul of a constant by a tensor, as what the tensor's rows make of the constant's."""
    weights, x = operands
    if not isinstance(weights, Constant | QuantizedConstant):
        raise ModelError("MatMul must have a constant operand")
    rank = weights.data.ndim
    if rank > 1:
        data = np.ascontiguousarray(np.swapaxes(weights.data, -1, -2))
        if isinstance(weights, QuantizedConstant):
            old = weights.quantization
            axis = {rank - 1: rank - 2, rank - 2: rank - 1}.get(old.axis, old.axis)
            weights = replace(
                weights, data=data, quantization=Quantization(old.scale, old.zero_point, axis)
            )
        else:
            weights = Constant(data)
    x = turned_activation(builder, f"{name}/turned", x)
    layer = Pending("MatMul", name, Attributes({"turned": True}), (x, weights))
    if rank == 1 or len(x.shape) == 1:
        return layer
    result = max(len(x.shape), rank)
    order = (*range(result - 2), result - 1, result - 2)
    return Pending("Transpose", f"{name}/back", Attributes({"perm": order}), (layer,))


def product(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str, *, island: bool = False
) -> Activation:
    """Add FULLY_CONNECTED for Gemm or for MatMul with constant weights, one for each matrix.

    Without ``qparams`` its result is real. ``island`` marks what the runtime leaves in float.
    """
    x, weights = take(layer.operands, 0), take(layer.operands, 1)
    if (
        not isinstance(x, Activation)
        or not isinstance(weights, Constant | QuantizedConstant)
        or layer.operator == "Gemm"
        or weights.data.ndim == 2
    ):
        return fully_connected(builder, layer, qparams, output, island=island)
    data = weights.data
    if data.ndim == 1:
        column = replace(layer, operands=(x, replace(weights, data=data[:, None])))
        result = fully_connected(builder, column, qparams, f"{output}/column", island=island)
        return builder.reshaped(result, result.shape[:-1], output)
    if not x.shape or x.shape[-1] != data.shape[-2]:
        raise ModelError(f"weights of shape {data.shape} do not fit an input of {x.shape}")
    return _several(builder, layer, x, weights, qparams, output, island)


def batch_matmul(
    builder: Builder, layer: Pending, qparams: QParams | None, output: str
) -> Activation:
    """Add BATCH_MATMUL for MatMul of two tensors; without ``qparams`` its result is real."""
    values = [x for x in layer.operands if isinstance(x, Activation)]
    if len(values) != 2 or (qparams is not None and any(x.qparams is None for x in values)):
        raise ModelError("the operands of MatMul are not quantised")
    left, right = (x.shape for x in values)
    if not left or not right:
        raise ModelError(f"MatMul of shapes {left} and {right} is not possible")
    whole = [(1, *left) if len(left) == 1 else left, (*right, 1) if len(right) == 1 else right]
    rank = max(3, *map(len, whole))
    whole = [(*(1,) * (rank - len(shape)), *shape) for shape in whole]
    names = [
        builder.reshaped(builder.plain(x), shape, f"{output}/{i}").tensor
        if x.shape != shape
        else builder.plain(x).tensor
        for i, (x, shape) in enumerate(zip(values, whole, strict=True))
    ]
    tensor = builder.emit(
        "BATCH_MATMUL", layer.name, tuple(names), f"{output}/product", qparams=qparams
    )
    result = Activation(tensor, builder.tensors[tensor].shape, "plain", qparams)
    rows = () if len(left) == 1 else left[-2:-1]
    columns = () if len(right) == 1 else right[-1:]
    front = np.broadcast_shapes(left[:-2], right[:-2])
    if (*front, *rows, *columns) == result.shape:
        return result
    return builder.reshaped(result, (*front, *rows, *columns), output)


def _several(
    builder: Builder,
    layer: Pending,
    x: Activation,
    weights: Constant | QuantizedConstant,
    qparams: QParams | None,
    output: str,
    island: bool,
) -> Activation:
    """Add a FULLY_CONNECTED for each of several matrices, their results side by side."""
    shape = (1, *x.shape) if len(x.shape) == 1 else x.shape
    lead, front = weights.data.shape[:-2], shape[:-2]
    try:
        batch = np.broadcast_shapes(front, lead)
    except ValueError:
        raise ModelError(
            f"weights of shape {weights.data.shape} do not fit an input of {x.shape}"
        ) from None
    # The first dimension still counts images where no two of them meet different matrices.
    apart = len(front) == len(batch) and (len(lead) < len(batch) or lead[0] == 1)
    images = front[0] if apart and front else 1
    counted = slice(1 if apart and front else 0, None)
    inner = batch[counted]
    which_x = _spread(front[counted], inner)
    which_w = _spread(lead[-len(inner) :] if inner else (), inner)
    if len(which_x) > _MOST:
        raise ModelError(f"MatMul by {len(which_x)} matrices is not supported")
    rows, columns = shape[-2], weights.data.shape[-1]
    stacked = (images, math.prod(front[counted]), rows, shape[-1])
    source = builder.reshaped(builder.plain(x), stacked, f"{output}/matrices")
    parts = []
    for number, (i, j) in enumerate(zip(which_x, which_w, strict=True)):
        name = f"{layer.name}/{number}" if len(which_x) > 1 else layer.name
        taken = part_of(
            builder,
            f"{name}/in",
            source,
            [0, i, 0, 0],
            [images, 1, *stacked[2:]],
            f"{output}/{number}/in",
        )
        single = replace(layer, name=name, operands=(taken, _matrix(weights, j)))
        parts.append(fully_connected(builder, single, qparams, f"{output}/{number}", island=island))
    found = parts[0].tensor
    if len(parts) > 1:
        found = builder.emit(
            "CONCATENATION",
            layer.name,
            tuple(p.tensor for p in parts),
            f"{output}/joined",
            {"axis": 1, "activation": "NONE"},
            qparams=qparams,
            shape=(images, len(parts), rows, columns),
        )
    result = Activation(found, (images, len(parts), rows, columns), "plain", qparams)
    kept = (*batch, columns) if len(x.shape) == 1 else (*batch, rows, columns)
    return builder.reshaped(result, kept, output)


def _spread(lead: tuple[int, ...], batch: tuple[int, ...]) -> list[int]:
    """Return which of the matrices in dimensions ``lead`` is the one at each index of ``batch``."""
    numbers = np.arange(math.prod(lead)).reshape(lead)
    return np.broadcast_to(numbers, batch).reshape(-1).tolist()


def _matrix(weights: Constant | QuantizedConstant, number: int) -> Value:
    """Return one matrix of ``weights``, with its scales."""
    lead, shape = weights.data.shape[:-2], weights.data.shape[-2:]
    data = weights.data.reshape(-1, *shape)[number]
    if not isinstance(weights, QuantizedConstant):
        return Constant(data)
    qparams, axis = weights.quantization, weights.quantization.axis - len(lead)
    if qparams.scale.size == 1:
        return replace(weights, data=data)
    if axis >= 0:
        return replace(
            weights, data=data, quantization=Quantization(qparams.scale, qparams.zero_point, axis)
        )
    index = int(np.unravel_index(number, lead)[qparams.axis])
    own = slice(index, index + 1)
    return replace(
        weights, data=data, quantization=Quantization(qparams.scale[own], qparams.zero_point[own])
    )

"""ONNX's Softmax and LogSoftmax, over any dimension."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import REAL
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import Activation, QParams, Value

__all__ = ["SOFTMAX", "softmax"]

SOFTMAX = {"Softmax": "SOFTMAX", "LogSoftmax": "LOG_SOFTMAX"}


def softmax(
    builder: Builder,
    operator: str,
    name: str,
    axis: int,
    x: Value | None,
    qparams: QParams | None,
    output: str,
    *,
    flattened: bool = False,
) -> Activation:
    """Add one of ``SOFTMAX`` over ``axis``, which is brought behind the others where need be.

    ``flattened``: over ``axis`` and all dimensions behind it together, as up to opset 12. Without
    ``qparams`` its result is real.
    """
    if not isinstance(x, Activation) or (x.qparams is None and qparams is not None):
        raise ModelError(f"the input of {operator} is not quantised")
    value, shape, rank = x, x.shape, len(x.shape)
    axis += rank if axis < 0 else 0
    if not 0 <= axis < max(rank, 1):
        raise ModelError(f"{operator} over axis {axis} of {rank} dimensions is not possible")
    attributes: dict[str, Any] = {"unsigned": qparams is not None and qparams.unsigned}
    if operator == "Softmax":
        attributes["beta"] = 1.0

    def along(value: Activation, output: str) -> Activation:
        kind = SOFTMAX[operator]
        # Real numbers, which float64 stands for, make real ones.
        exact = operator == "Softmax" and builder.tensors[value.tensor].dtype != REAL
        dtype: Any = np.float32 if qparams is None and exact else None
        tensor = builder.emit(
            kind, name, (value.tensor,), output, attributes, qparams=qparams, dtype=dtype
        )
        return replace(value, tensor=tensor, qparams=qparams)

    if flattened and math.prod(shape[axis + 1 :]) > 1:
        row = (*shape[:axis], math.prod(shape[axis:]))
        value = builder.reshaped(builder.plain(value), row, f"{output}/rows")
        return builder.reshaped(along(value, f"{output}/softmax"), shape, output)
    if axis == 1 and rank in (3, 4) and (value.layout == "channels_last" or axis < rank - 1):
        return along(builder.channels_last(value), output)
    if axis == rank - 1:
        return along(builder.plain(value), output)
    order = (*(i for i in range(rank) if i != axis), axis)
    back = tuple(order.index(i) for i in range(rank))
    turned = builder.transposed(value, order, f"{name}/turned", f"{output}/turned")
    return builder.transposed(along(turned, f"{output}/rows"), back, f"{name}/back", output)

"""ONNX operators on the integers between QuantizeLinear and DequantizeLinear."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.tables import emit_table
from weft.importers.onnx.values import Activation, Constant, Value, take

__all__ = ["INTEGERS", "on_integers"]

INTEGERS = ("Clip", "Relu")


def on_integers(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Mapping[str, Any],
    operands: tuple[Value | None, ...],
    output: str,
) -> Activation:
    """Add one of ``INTEGERS`` as a table; scale and zero point stay.

    Raises
    ------
    ModelError
        If a bound is no constant of the tensor's type.
    """
    value = take(operands, 0)
    if not isinstance(value, Activation) or value.qparams is None:
        raise ModelError(f"the input of {operator} is not quantised")
    dtype = np.dtype(np.uint8 if value.qparams.unsigned else np.int8)
    limits = np.iinfo(dtype)
    low = 0 if operator == "Relu" else _bound(operands, 1, dtype, limits.min)
    high = limits.max if operator == "Relu" else _bound(operands, 2, dtype, limits.max)
    stored = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)
    offset = 128 if value.qparams.unsigned else 0
    # As the specification has it: the upper bound counts where the bounds cross.
    table = np.minimum(np.maximum(stored + offset, low), high) - offset
    return emit_table(builder, name, value, table, value.qparams, output)


def _bound(operands: tuple[Value | None, ...], index: int, dtype: np.dtype, default: int) -> int:
    operand = take(operands, index)
    if operand is None:
        return default
    if not isinstance(operand, Constant) or operand.data.size != 1 or operand.data.dtype != dtype:
        raise ModelError(f"the bounds of Clip must be constant {dtype} numbers")
    return int(operand.data.reshape(-1)[0])

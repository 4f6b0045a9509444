"""Outputs of an ONNX model: what its last layers compute, in the type that the file declares."""

from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import REAL, Quantization
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import (
    ELEMENT_TYPES,
    Activation,
    Constant,
    QuantizedConstant,
    Value,
    float32_of,
    type_name,
)

__all__ = ["add_output"]


def add_output(builder: Builder, name: str, declared: int, value: Value | None, real: bool) -> str:
    """Add what turns ``value`` into the model's output ``name``; return that tensor's name.

    Parameters
    ----------
    declared : int
        The file's element type; 0 where it has none.
    real : bool
        Whether the output stands for real numbers, or for the integers that express them.

    Raises
    ------
    ModelError
        If no layer computes it, or it is of another type than declared.
    """
    if isinstance(value, Constant | QuantizedConstant):
        return builder.constant(
            name, value.data if isinstance(value, Constant) else float32_of(value)
        )
    if not isinstance(value, Activation):
        raise ModelError("no layer computes this output")
    value = replace(value, tensor=builder.renamed.get(value.tensor, value.tensor))
    value = builder.plain(value)
    qparams, tensor = value.qparams, value.tensor
    dtype: Any = builder.tensors[tensor].dtype
    if qparams is not None:
        dtype = np.dtype(np.float32 if real else np.uint8 if qparams.unsigned else np.int8)
    elif dtype == REAL:
        dtype = np.dtype(np.float32)
    if declared and ELEMENT_TYPES.get(declared) != dtype:
        raise ModelError(f"this output is declared {type_name(declared)}, but is {dtype}")
    if dtype in (builder.tensors[tensor].dtype, np.int8):
        return builder.named(tensor, name)
    builder.free(name)
    tensor = builder.renamed.get(tensor, tensor)
    if qparams is None or dtype == np.float32:
        return builder.emit("DEQUANTIZE", name, (tensor,), name, dtype=dtype)
    tensor = builder.emit("QUANTIZE", name, (tensor,), name, dtype=dtype)
    zero_point = np.array([qparams.zero_point + 128])
    quantization = Quantization(np.array([qparams.scale], np.float32), zero_point)
    builder.tensors[tensor] = replace(builder.tensors[tensor], quantization=quantization)
    return tensor

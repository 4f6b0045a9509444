"""Outputs of an ONNX model: what its last layers compute, in the type that the file declares."""

from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.graph import Quantization
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import ELEMENT_TYPES, Activation, Pending, Value

__all__ = ["add_output"]


def add_output(builder: Builder, name: str, declared: int, value: Value | None) -> str:
    """Add what turns ``value`` into the model's output ``name``; return that tensor's name.

    ``declared`` is the file's element type.
    """
    if isinstance(value, Pending):
        raise ModelError(f"the result of {value.operator} is not quantised")
    if not isinstance(value, Activation):
        raise ModelError("no layer computes this output")
    value = builder.plain(value)
    step = value.step
    dtype: Any = np.dtype(ELEMENT_TYPES.get(declared, np.float32))
    if step is None or dtype == np.int8:
        return value.tensor
    label = f"{name}/output" if name in builder.tensors else name
    if dtype == np.float32:
        return builder.emit("DEQUANTIZE", label, (value.tensor,), label, dtype=dtype)
    if dtype != np.uint8:
        raise ModelError(f"an output of type {dtype} is not supported")
    tensor = builder.emit("QUANTIZE", label, (value.tensor,), label, dtype=dtype)
    zero_point = np.array([step.zero_point + 128])
    quantization = Quantization(np.array([step.scale], np.float32), zero_point)
    builder.tensors[tensor] = replace(builder.tensors[tensor], quantization=quantization)
    return tensor

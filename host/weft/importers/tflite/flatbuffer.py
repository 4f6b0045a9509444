"""Reads a ``.tflite`` file into plain records, checking every count and offset on the way."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.graph import Quantization

__all__ = ["Model", "Operator", "RawTensor", "read_model", "well_formed"]

# TFLite's tensor types that a quantised model may hold.
_TYPES = {
    0: np.dtype(np.float32), 2: np.dtype(np.int32), 3: np.dtype(np.uint8),
    4: np.dtype(np.int64), 6: np.dtype(np.bool_), 7: np.dtype(np.int16), 9: np.dtype(np.int8),
}  # fmt: skip
_MAX_ELEMENTS = 1 << 28
_MAX_RANK = 8
# Exceptions with which the flatbuffer reader answers to an offset or size that is wrong.
_MALFORMED = (
    struct.error, IndexError, TypeError, ValueError, AttributeError, OverflowError, KeyError,
    MemoryError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor as the file has it; ``dtype`` is None for a type that Weft does not know."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype | None
    type_code: int
    quantization: Quantization | None
    data: NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator: its name in TFLite's schema, tensor indices, and its options' table."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any


@dataclass(frozen=True, eq=False)
class Model:
    """The only subgraph of a model."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_model(data: bytes) -> Model:
    """Return the records of a ``.tflite`` file.

    Raises
    ------
    ModelError
        If the file is truncated or malformed, or has several subgraphs.
    """
    with well_formed():
        return _read(data)


@contextmanager
def well_formed() -> Iterator[None]:
    """Turn what the flatbuffer reader raises on a wrong offset or size into a ModelError."""
    try:
        yield
    except _MALFORMED as error:
        raise ModelError(f"the .tflite file is truncated or malformed ({error})") from error


def _count(value: int, data: bytes, what: str) -> int:
    # Each element takes at least 4 bytes of the file, so a larger count is a lie.
    if not 0 <= value <= len(data) // 4:
        raise ModelError(f"the .tflite file is malformed: it claims to have {value} {what}")
    return value


def _read(data: bytes) -> Model:
    import tflite

    model: Any = tflite.Model.GetRootAs(data, 0)
    if model.SubgraphsLength() != 1:
        raise ModelError(
            f"the .tflite file has {model.SubgraphsLength()} subgraphs; Weft reads one"
        )
    graph: Any = model.Subgraphs(0)
    names = {code: name for name, code in vars(tflite.BuiltinOperator).items() if name.isupper()}
    codes = [
        _operator_name(model.OperatorCodes(i), names)
        for i in range(_count(model.OperatorCodesLength(), data, "operator codes"))
    ]
    buffers = _count(model.BuffersLength(), data, "buffers")
    used: set[int] = set()
    operators = []
    for index in range(_count(graph.OperatorsLength(), data, "operators")):
        operator: Any = graph.Operators(index)
        inputs, outputs = _indices(operator.InputsAsNumpy()), _indices(operator.OutputsAsNumpy())
        used.update(inputs, outputs)
        options = operator.BuiltinOptions()
        operators.append(
            Operator(codes[operator.OpcodeIndex()], inputs, outputs, options)
        )
    inputs, outputs = _indices(graph.InputsAsNumpy()), _indices(graph.OutputsAsNumpy())
    used.update(inputs, outputs)
    count = _count(graph.TensorsLength(), data, "tensors")
    if any(not -1 <= index < count for index in used):
        raise ModelError("the .tflite file is malformed: it names a tensor that does not exist")
    tensors = []
    for index in range(count):
        tensor = graph.Tensors(index)
        tensors.append(_tensor(tensor, index, model, buffers))
    return Model(_unique(tensors), tuple(operators), inputs, outputs)


def _indices(values: Any) -> tuple[int, ...]:
    # The parser answers 0 for a vector that is absent.
    return tuple(int(value) for value in values) if isinstance(values, np.ndarray) else ()


def _operator_name(code: Any, names: dict[int, str]) -> str:
    builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
    if builtin == 32:  # CUSTOM
        custom = code.CustomCode()
        return f"CUSTOM {custom.decode(errors='replace') if custom else ''}".strip()
    return names.get(builtin, f"operator {builtin}")


def _tensor(tensor: Any, index: int, model: Any, buffers: int) -> RawTensor:
    name = (tensor.Name() or b"").decode(errors="replace") or f"tensor {index}"
    shape = _indices(tensor.ShapeAsNumpy())
    elements = 1
    for size in shape:
        elements *= size
    if len(shape) > _MAX_RANK or any(size < 0 for size in shape) or elements > _MAX_ELEMENTS:
        raise ModelError(f"tensor {name} has the impossible shape {shape}")
    type_code = tensor.Type()
    dtype = _TYPES.get(type_code)
    constant = None
    buffer_index = tensor.Buffer()
    if not 0 <= buffer_index < max(buffers, 1):
        raise ModelError(f"tensor {name} names buffer {buffer_index}, which does not exist")
    if buffers and buffer_index and dtype is not None:
        raw = model.Buffers(buffer_index).DataAsNumpy()
        if isinstance(raw, np.ndarray) and raw.size:
            if tensor.Sparsity() is not None:
                raise ModelError(f"tensor {name} is sparse, which is not supported")
            if raw.size != elements * dtype.itemsize:
                raise ModelError(
                    f"tensor {name} of shape {shape} and type {dtype} needs "
                    f"{elements * dtype.itemsize} bytes, but its buffer has {raw.size}"
                )
            little = raw.tobytes()
            constant = np.frombuffer(little, dtype.newbyteorder("<")).reshape(shape)
    return RawTensor(
        name, shape, dtype, type_code, _quantization(tensor.Quantization(), name, shape), constant
    )


def _quantization(table: Any, name: str, shape: tuple[int, ...]) -> Quantization | None:
    if table is None:
        return None
    scale, zero_point = table.ScaleAsNumpy(), table.ZeroPointAsNumpy()
    if not isinstance(scale, np.ndarray) or scale.size == 0:
        return None
    scale = scale.astype(np.float32)
    zero_point = (
        zero_point.astype(np.int64)
        if isinstance(zero_point, np.ndarray)
        else np.zeros(scale.size, np.int64)
    )
    if zero_point.size == 1:
        zero_point = np.repeat(zero_point, scale.size)
    axis = table.QuantizedDimension() if scale.size > 1 else 0
    if scale.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scale.size):
        raise ModelError(
            f"tensor {name} of shape {shape} has {scale.size} scales along dimension {axis}"
        )
    if zero_point.size != scale.size:
        raise ModelError(
            f"tensor {name} has {scale.size} scales but {zero_point.size} zero points"
        )
    return Quantization(scale, zero_point, axis)


def _unique(tensors: list[RawTensor]) -> tuple[RawTensor, ...]:
    taken: set[str] = set()
    result = []
    for index, tensor in enumerate(tensors):
        name = tensor.name if tensor.name not in taken else f"{tensor.name}#{index}"
        while name in taken:
            name += "#"
        taken.add(name)
        result.append(replace(tensor, name=name))
    return tuple(result)

"""Reads a ``.tflite`` file into plain records, checking every count and offset on the way."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.tensors import (
    Buffers,
    RawTensor,
    enumeration,
    indices,
    read_tensor,
    unique,
)

__all__ = ["Operator", "Subgraph", "read_model", "well_formed"]

_SCHEMA_VERSION = 3
# Exceptions with which the flatbuffer reader answers to an offset or size that is wrong.
_MALFORMED = (
    struct.error,
    IndexError,
    TypeError,
    ValueError,
    AttributeError,
    OverflowError,
    KeyError,
    MemoryError,
)


@dataclass(frozen=True, eq=False)
class Operator:
    """An operator: its name in TFLite's schema, tensor indices, and its options' table.

    ``intermediates`` are tensors that only say how values inside are quantised; ``custom_options``
    are those of an operator that the schema does not know.

    ``options_kind`` is the schema's name of the table's type, ``"NONE"`` where there is none.
    """

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Any
    options_kind: str
    intermediates: tuple[int, ...] = ()
    custom_options: bytes = b""


@dataclass(frozen=True, eq=False)
class Subgraph:
    """Tensors, and operators that name them by index."""

    tensors: tuple[RawTensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def read_model(data: bytes) -> tuple[Subgraph, ...]:
    """Return the subgraphs of a ``.tflite`` file; the first one is the network.

    Raises
    ------
    ModelError
        If the file is truncated or malformed.
    """
    with well_formed():
        return _read(data)


@contextmanager
def well_formed() -> Iterator[None]:
    """Turn what the flatbuffer reader raises on a wrong offset or size into a ModelError."""
    try:
        yield
    except ModelError:  # which is a ValueError, too, and says what is wrong
        raise
    except _MALFORMED as error:
        raise ModelError(f"the .tflite file is truncated or malformed ({error})") from error


def _count(value: int, data: bytes, what: str) -> int:
    # Each element takes at least 4 bytes of the file, so a larger count is a lie.
    if not 0 <= value <= len(data) // 4:
        raise ModelError(f"the .tflite file is malformed: it claims to have {value} {what}")
    return value


def _read(data: bytes) -> tuple[Subgraph, ...]:
    import tflite

    model: Any = tflite.Model.GetRootAs(data, 0)
    if model.Version() != _SCHEMA_VERSION:
        raise ModelError(f"the .tflite file has schema version {model.Version()}, not 3")
    names = enumeration(tflite.BuiltinOperator)
    codes = [
        _operator_name(model.OperatorCodes(i), names)
        for i in range(_count(model.OperatorCodesLength(), data, "operator codes"))
    ]
    buffers = Buffers(model, _count(model.BuffersLength(), data, "buffers"), data)
    count = _count(model.SubgraphsLength(), data, "subgraphs")
    if not count:
        raise ModelError("the .tflite file has no subgraph")
    return tuple(_subgraph(model.Subgraphs(i), codes, buffers, data) for i in range(count))


def _subgraph(graph: Any, codes: list[str], buffers: Buffers, data: bytes) -> Subgraph:
    import tflite

    kinds = enumeration(tflite.BuiltinOptions)
    used: set[int] = set()
    operators = []
    for index in range(_count(graph.OperatorsLength(), data, "operators")):
        operator: Any = graph.Operators(index)
        inputs, outputs = indices(operator.InputsAsNumpy()), indices(operator.OutputsAsNumpy())
        used.update(inputs, outputs, indices(operator.IntermediatesAsNumpy()))
        kind = operator.BuiltinOptionsType()
        operators.append(
            Operator(
                codes[operator.OpcodeIndex()],
                inputs,
                outputs,
                operator.BuiltinOptions(),
                kinds.get(kind, f"options {kind}"),
                indices(operator.IntermediatesAsNumpy()),
                _bytes(operator.CustomOptionsAsNumpy()),
            )
        )
    inputs, outputs = indices(graph.InputsAsNumpy()), indices(graph.OutputsAsNumpy())
    used.update(inputs, outputs)
    count = _count(graph.TensorsLength(), data, "tensors")
    if any(not -1 <= index < count for index in used):
        raise ModelError("the .tflite file is malformed: it names a tensor that does not exist")
    tensors = [read_tensor(graph.Tensors(index), index, buffers) for index in range(count)]
    return Subgraph(unique(tensors), tuple(operators), inputs, outputs)


def _bytes(values: Any) -> bytes:
    return values.tobytes() if isinstance(values, np.ndarray) else b""


def _operator_name(code: Any, names: dict[int, str]) -> str:
    # The parser answers BuiltinCode() with the deprecated field below 127, which some writers
    # leave empty. The schema takes the greater one.
    from flatbuffers import number_types

    table = code._tab
    place = table.Offset(10)
    newer = table.Get(number_types.Int32Flags, place + table.Pos) if place else 0
    builtin = max(newer, code.DeprecatedBuiltinCode())
    name = names.get(builtin, f"operator {builtin}")
    if name == "CUSTOM":
        custom = code.CustomCode()
        return f"CUSTOM {custom.decode(errors='replace') if custom else ''}".strip()
    return name

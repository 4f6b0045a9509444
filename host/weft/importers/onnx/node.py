"""What one ONNX node becomes, from the values that it reads."""

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.affine import followed
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.channels import dequantized, divided
from weft.importers.onnx.cubic import CUBIC_RESIZE, cubic_resize
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.einsum import einsum
from weft.importers.onnx.floats import LINEAR_RESIZE, PENDING, finish, real
from weft.importers.onnx.gemm import plain_gemm
from weft.importers.onnx.integers import INTEGERS, on_integers
from weft.importers.onnx.matmul import MATMUL, turned
from weft.importers.onnx.moves import MOVES, move
from weft.importers.onnx.norms import NORMALISATIONS, local_response, normalisation_of
from weft.importers.onnx.pad import is_real_pad, with_filler
from weft.importers.onnx.pending import fused, joined, normalised, pending_of
from weft.importers.onnx.pools import refuse_empty_windows
from weft.importers.onnx.qoperators import QOPERATORS, quantized_constant
from weft.importers.onnx.slices import split
from weft.importers.onnx.tables import is_function
from weft.importers.onnx.values import (
    ELEMENT_TYPES,
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Value,
    take,
    type_name,
)

__all__ = ["result_of", "split_of"]

_NORMS = ("ReduceL1", "ReduceL2", "ReduceSumSquare")


def result_of(
    builder: Builder,
    node: Any,
    label: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
    reals: Container[str],
) -> Value:
    """Return what ``node`` makes of its operands.

    ``reals`` are the names of quantised tensors that were dequantised.

    Raises
    ------
    ModelError
        If it is not supported.
    """
    operator, output, first = node.op_type, node.output[0], take(operands, 0)
    if operator == "Resize" and attributes["mode"] == "linear":
        operator = LINEAR_RESIZE  # which computes; others move values
    if operator == "Resize" and attributes["mode"] == "cubic":
        operator = CUBIC_RESIZE
    integers = [
        name
        for name, value in zip(node.input, operands, strict=True)
        if isinstance(value, Activation) and value.qparams is not None and name not in reals
    ]
    if operator == "DequantizeLinear" or operator in QOPERATORS:
        if any(name in reals for name in node.input):
            raise ModelError(f"the input of {operator} is float32 and was not quantised")
    elif integers and operator in INTEGERS:
        return on_integers(builder, operator, label, attributes, operands, output)
    elif integers and operator not in MOVES:
        raise ModelError(f"{operator} of integers is not supported")
    if operator == "QuantizeLinear":
        return _quantize(builder, operands, attributes, label, output)
    if operator == "DequantizeLinear":
        return _dequantize(builder, operands, attributes, label)
    if operator in QOPERATORS:
        return QOPERATORS[operator](builder, label, attributes, operands, output)
    clamped = operator in ("Relu", "Clip") and isinstance(first, Pending)
    if clamped and not is_function(first) and (value := fused(operator, attributes, operands)):
        return value
    if operator == "Cast":
        return _cast(first, attributes["to"], real=not integers)
    if operator == "Pad" and isinstance(first, Activation) and first.qparams and integers:
        operands = with_filler(operands, first.qparams)
    if operator == "MaxPool" and isinstance(first, Activation) and not integers:
        refuse_empty_windows(attributes, first)
    if (
        operator in MOVES
        and not isinstance(first, Pending)
        and not (operator == "Pad" and is_real_pad(attributes, operands))
    ):
        return move(builder, operator, label, attributes, operands, output)
    if operator == "Gemm":
        x = real(builder, first, first.name) if isinstance(first, Pending) else first
        return plain_gemm(builder, label, attributes, (x, *operands[1:]))
    if operator == "MatMul" and isinstance(take(operands, 1), Activation | Pending):
        operator = MATMUL if isinstance(first, Activation | Pending) else operator
    if operator == "MatMul" and isinstance(first, Constant | QuantizedConstant):
        second = operands[1]
        x = real(builder, second, second.name) if isinstance(second, Pending) else second
        return turned(builder, label, (first, x))
    if (layer := followed(operator, attributes, operands)) is not None:
        return layer
    if operator == "Sum" and len(operands) <= 2:
        return _sum(builder, label, operands)
    if operator in _NORMS:
        return _norm(builder, operator, label, attributes, operands)
    if operator == CUBIC_RESIZE:
        return cubic_resize(builder, label, attributes, operands)
    if operator == "LRN":
        return local_response(builder, label, attributes, operands)
    if operator == "Einsum":
        return einsum(builder, label, attributes, operands)
    if operator in NORMALISATIONS:
        return normalisation_of(builder, operator, label, attributes, operands)
    if operator == "BatchNormalization":
        return normalised(builder, label, attributes, operands)
    if operator == "Concat" and (value := joined(builder, label, attributes, operands, output)):
        return value
    if operator not in (*PENDING, *MOVES):
        raise ModelError(f"{operator} of a tensor is not supported")
    return pending_of(builder, operator, label, attributes, operands)


def _sum(builder: Builder, label: str, operands: tuple[Value | None, ...]) -> Value:
    """Return what Sum makes of one or two operands; ONNX Runtime has no integer kernel of it."""
    [first, *rest] = operands
    if not rest:
        return Pending("Sum", label, Attributes(), operands)
    added = pending_of(builder, "Add", label, Attributes(), (first, *rest))
    return replace(added, shared=True)


def _norm(
    builder: Builder,
    operator: str,
    label: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
) -> Pending:
    """Return one of ``_NORMS`` as the sum that it is of the numbers' sizes or squares."""
    first = take(operands, 0)
    terms = (first,) if operator == "ReduceL1" else (first, first)
    kind = "Abs" if operator == "ReduceL1" else "Mul"
    inner = pending_of(builder, kind, f"{label}/{kind}", Attributes(), terms)
    summed = pending_of(builder, "ReduceSum", label, attributes, (inner, *operands[1:]))
    if operator != "ReduceL2":
        return summed
    return pending_of(builder, "Sqrt", f"{label}/Sqrt", Attributes(), (summed,))


def _cast(value: Value | None, kind: int, *, real: bool) -> Value:
    """Return ``value`` where it is of type ``kind`` already."""
    found: Any = np.float32
    if isinstance(value, Activation) and value.qparams is not None and not real:
        found = np.uint8 if value.qparams.unsigned else np.int8
    if value is None or ELEMENT_TYPES.get(kind) is not found:
        raise ModelError(f"Cast of {type_name(found)} to {type_name(kind)} is not supported")
    return value


def split_of(
    builder: Builder,
    node: Any,
    label: str,
    attributes: Attributes,
    operands: tuple[Value | None, ...],
) -> Sequence[Value]:
    """Return the outputs of Split."""
    value = take(operands, 0)
    if isinstance(value, Pending):
        value = real(builder, value, value.name)
    if not isinstance(value, Activation) or not all(node.output):
        raise ModelError("the input of Split is not quantised, or an output is missing")
    return split(builder, label, attributes, operands, value, tuple(node.output))


def _quantize(
    builder: Builder,
    operands: tuple[Value | None, ...],
    attributes: Attributes,
    label: str,
    output: str,
) -> Value:
    if attributes.get("precision", 0) not in (0, 1):
        raise ModelError("QuantizeLinear with a precision other than float32 is not supported")
    value, qparams = divided(builder, operands, attributes, label)
    if isinstance(value, Pending):
        return finish(builder, value, qparams, output)
    if not isinstance(value, Activation):
        raise ModelError("the input of QuantizeLinear is missing")
    return builder.quantized(value, qparams, label, output)


def _dequantize(
    builder: Builder, operands: tuple[Value | None, ...], attributes: Attributes, label: str
) -> Value:
    value = take(operands, 0)
    zero_point = take(operands, 2)
    if attributes.get("output_dtype", 0) not in (0, 1):
        raise ModelError("DequantizeLinear to another type than float32 is not supported")
    if isinstance(value, Constant):
        return quantized_constant(value, take(operands, 1), zero_point, attributes.get("axis", 1))
    if isinstance(value, QuantizedConstant) or not isinstance(value, Activation):
        raise ModelError("DequantizeLinear of a float tensor is not supported")
    return dequantized(value, operands, attributes.get("axis", 1), label)

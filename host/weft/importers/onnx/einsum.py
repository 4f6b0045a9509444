"""ONNX's Einsum: one tensor turned and summed, or the product of two as a MatMul of matrices."""

import math
from dataclasses import replace

import numpy as np

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.floats import real
from weft.importers.onnx.matmul import MATMUL
from weft.importers.onnx.pending import pending_of
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QuantizedConstant,
    Value,
    float32_of,
)

__all__ = ["einsum"]

Operands = tuple[Value | None, ...]
Operand = Activation | Constant | QuantizedConstant


def einsum(builder: Builder, name: str, attributes: Attributes, operands: Operands) -> Value:
    """Return what an Einsum of one or two operands makes.

    The runtime computes it in float32 always, so that it counts as read by others.

    Raises
    ------
    ModelError
        If its equation has an ellipsis, a letter twice in one operand, or sums one operand alone
        of two.
    """
    values = [_settled(builder, x) for x in operands]
    terms, result = _parsed(attributes["equation"], values)
    if len(values) == 1:
        return _single(builder, name, values[0], terms[0], result)
    (left, right), (a, b) = values, terms
    if isinstance(left, Constant | QuantizedConstant):
        (left, right), (a, b) = (right, left), (b, a)
    if not isinstance(left, Activation):
        raise ModelError("Einsum of constants is not supported")
    images = "".join(x for x in result if x in a and x in b)
    summed = "".join(x for x in a if x in b and x not in result)
    rows = "".join(x for x in a if x not in b)
    columns = "".join(x for x in b if x not in a)
    sizes = dict(zip(a + b, (*_shape(left), *_shape(right)), strict=True))
    first = _matrix(builder, f"{name}/0", left, a, (images, rows, summed), sizes)
    second = _matrix(builder, f"{name}/1", right, b, (images, summed, columns), sizes)
    operator = MATMUL if isinstance(second, Activation) else "MatMul"
    layer: Pending = Pending(operator, name, Attributes({}), (first, second), shared=True)
    found = images + rows + columns
    shape = Constant(np.array([sizes[x] for x in found], np.int64))
    layer = Pending("Reshape", f"{name}/shape", Attributes({}), (layer, shape), shared=True)
    return _turned(f"{name}/order", layer, found, result)


def _settled(builder: Builder, value: Value | None) -> Operand:
    if isinstance(value, Pending):
        return real(builder, value, value.name)
    if value is None:
        raise ModelError("an operand of Einsum is missing")
    return value


def _shape(value: Operand) -> tuple[int, ...]:
    return value.shape if isinstance(value, Activation) else value.data.shape


def _parsed(equation: str, values: list[Operand]) -> tuple[list[str], str]:
    """Return the letters of each operand and those of the result."""
    text = equation.replace(" ", "")
    given, arrow, result = text.partition("->")
    terms = given.split(",")
    if not arrow:
        result = "".join(sorted(x for x in {*given} - {","} if given.count(x) == 1))
    sizes: dict[str, int] = {}
    fits = len(terms) == len(values) in (1, 2) and {*result} <= {*"".join(terms)}
    fits = fits and len({*result}) == len(result)
    for term, value in zip(terms, values, strict=False):
        shape = _shape(value)
        fits = fits and term.isalpha() and len({*term}) == len(term) == len(shape)
        fits = fits and all(sizes.setdefault(x, n) == n for x, n in zip(term, shape, strict=True))
    if len(values) == 2:
        [a, b] = terms if len(terms) == 2 else ("", "")
        fits = fits and {*a} ^ {*b} <= {*result}
    if not fits:
        raise ModelError(f"Einsum with equation {equation} is not supported")
    return terms, result


def _single(builder: Builder, name: str, value: Operand, term: str, result: str) -> Value:
    if not isinstance(value, Activation):
        raise ModelError("Einsum of constants is not supported")
    axes = tuple(i for i, x in enumerate(term) if x not in result)
    kept = "".join(x for x in term if x in result)
    if not axes:
        order = tuple(term.index(x) for x in result)
        return builder.transposed(value, order, name, name)
    options = Attributes({"axes": axes, "keepdims": 0}, 11)
    return _turned(name, pending_of(builder, "ReduceSum", name, options, (value,)), kept, result)


def _turned(name: str, layer: Pending, found: str, result: str) -> Pending:
    if found == result:
        return layer
    order = tuple(found.index(x) for x in result)
    return Pending("Transpose", name, Attributes({"perm": order}), (layer,), shared=True)


def _matrix(
    builder: Builder,
    name: str,
    value: Operand,
    term: str,
    parts: tuple[str, str, str],
    sizes: dict[str, int],
) -> Operand:
    """Return an operand as matrices: its images, then what two ``parts`` name together."""
    order = tuple(term.index(x) for x in "".join(parts))
    images, *sides = parts
    shape = (*(sizes[x] for x in images), *(math.prod(sizes[x] for x in side) for side in sides))
    if isinstance(value, Activation):
        turned = builder.transposed(value, order, f"{name}/turned", f"{name}/turned")
        return turned if turned.shape == shape else builder.reshaped(turned, shape, f"{name}/shape")
    if isinstance(value, QuantizedConstant) and value.quantization.scale.size == 1:
        return replace(value, data=value.data.transpose(order).reshape(shape))
    return Constant(float32_of(value).transpose(order).reshape(shape))

"""Float functions of one quantised tensor and of constants, alone or one after the other."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden.arithmetic import FLOAT32_FUNCTIONS, FUNCTION_OPERANDS, LAST_FUNCTIONS
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.values import (
    Activation,
    Constant,
    Pending,
    QParams,
    QuantizedConstant,
    Value,
)

__all__ = [
    "check_operands",
    "check_places",
    "check_resolution",
    "emit_table",
    "is_function",
    "tabulate",
]

_DEEPEST = 64
_SO_SMALL = (
    " of numbers so small is not supported: its last bit, which differs in the last values of a "
    "tensor, would decide"
)


def _leaves(value: Value | None, depth: int = 0) -> list[Value]:
    if value is None:
        return []
    if not isinstance(value, Pending):
        return [value]
    if value.operator not in FLOAT32_FUNCTIONS or depth > _DEEPEST:
        raise ModelError(f"the result of {value.operator} is not quantised")
    found = [leaf for operand in value.operands for leaf in _leaves(operand, depth + 1)]
    if len(found) > _DEEPEST:
        raise ModelError(f"{value.operator} and what is before it are too large an expression")
    return found


def is_function(value: Value | None) -> bool:
    """Whether ``value`` is a float function of one quantised tensor and of numbers.

    A constant may have a number for each channel.
    """
    if not isinstance(value, Pending) or value.activation != "NONE":
        return False
    try:
        leaves = _leaves(value)
    except ModelError:
        return False
    activations = [x for x in leaves if isinstance(x, Activation)]
    if len({x.tensor for x in activations}) != 1 or any(x.qparams is None for x in activations):
        return False
    shape = activations[0].shape
    return all(
        isinstance(x, Activation)
        or (isinstance(x, Constant | QuantizedConstant) and _fits(x.data.shape, shape))
        for x in leaves
    )


def _fits(constant: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a constant is one number, or has one for each channel of ``shape``."""
    if math.prod(constant) == 1:
        return len(constant) <= len(shape)
    channels = [size if axis == 1 else 1 for axis, size in enumerate(shape)]
    return len(shape) <= 4 and [1] * (len(shape) - len(constant)) + list(constant) == channels


def _column(values: NDArray[Any]) -> Any:
    """Return a constant as a number, or as a column with a row for each channel."""
    return values.reshape(-1)[0] if values.size == 1 else values.reshape(-1, 1)


def _evaluate(value: Value | None, real: NDArray[np.float32], *, last: bool = False) -> Any:
    """Return what a leaf or function is for each of the 256 values of the tensor.

    Shape (256,), or (channels, 256) where a constant differs from channel to channel. ``last``:
    of the last values of a tensor, for which the runtime has other functions.
    """
    if value is None:
        return None
    if isinstance(value, Activation):
        return real
    if isinstance(value, Constant):
        return _column(value.data.astype(np.float32))
    if isinstance(value, QuantizedConstant):
        quantization = value.quantization
        if quantization.scale.size != 1:
            raise ModelError("an operand must have one scale for all its channels")
        steps = value.data.astype(np.int64) - quantization.zero_point[0]
        return _column(quantization.scale[0] * steps.astype(np.float32))
    operands = [_evaluate(operand, real, last=last) for operand in value.operands]
    check_operands(value)
    function = FLOAT32_FUNCTIONS[value.operator]
    if last:
        function = LAST_FUNCTIONS.get(value.operator, function)
    with np.errstate(all="ignore"):
        return np.asarray(function(value.attributes, operands), np.float32)


def check_operands(function: Pending) -> None:
    """Raise :class:`ModelError` unless a function has as many operands as it may have."""
    least, most = FUNCTION_OPERANDS.get(function.operator, (1, 1))
    given = len([x for x in function.operands[:least] if x is not None])
    if given < least:
        raise ModelError(f"{function.operator} must have {least} operands")
    if len(function.operands) > most:
        raise ModelError(f"{function.operator} must have no more than {most} operands")


def _reals(qparams: QParams) -> NDArray[np.float32]:
    """Return the real numbers of the 256 values, in the order of a table."""
    values = np.arange(256).astype(np.uint8).view(np.int8).astype(np.int64)
    return qparams.scale * (values - qparams.zero_point).astype(np.float32)


def _table(result: NDArray[np.float32], qparams: QParams) -> NDArray[np.int64]:
    with np.errstate(all="ignore"):
        steps = np.rint(result / qparams.scale).astype(np.float64)
    steps = np.clip(steps, -1e9, 1e9)
    return np.clip(steps + qparams.zero_point, -128, 127).astype(np.int64)


def check_places(pending: Pending, qparams: QParams) -> None:
    """Refuse a function of which the last values of a tensor would be quantised to others.

    Raises
    ------
    ModelError
        Where ``qparams`` is so fine that the last bit of an exponential decides.
    """
    leaves = [x for x in _leaves(pending) if isinstance(x, Activation)]
    if not leaves or leaves[0].qparams is None:
        return
    real = _reals(leaves[0].qparams)
    first, last = (np.asarray(_evaluate(pending, real, last=at)) for at in (False, True))
    same = (first == last) | (np.isnan(first) & np.isnan(last))
    if not same.all() and not np.array_equal(_table(first, qparams), _table(last, qparams)):
        raise ModelError(f"{pending.operator}{_SO_SMALL}")


def check_resolution(value: Value | None, qparams: QParams) -> None:
    """Refuse an island whose scale is finer than the last bit of ``exp(x) - 1`` in float32.

    The runtime subtracts in float32, where numbers just below 1 are 2**-24 apart.

    Raises
    ------
    ModelError
        Where that alone moves a value by more than a quarter of the scale.
    """
    if not isinstance(value, Pending):
        return
    if value.operator in LAST_FUNCTIONS:
        bit = abs(value.attributes.get("alpha", 1.0)) * 2.0**-24
        if qparams.scale < 4 * bit:
            raise ModelError(f"{value.operator}{_SO_SMALL}")
    for operand in value.operands:
        check_resolution(operand, qparams)


def tabulate(builder: Builder, pending: Pending, qparams: QParams, output: str) -> Activation:
    """Add TABLE for a float function whose result is quantised by ``qparams`` now.

    Raises
    ------
    ModelError
        If it depends on more than one quantised tensor, or on constants that are no numbers, or
        is no number somewhere.
    """
    if not is_function(pending):
        _leaves(pending)
        raise ModelError(f"{pending.operator} is not a function of one quantised tensor alone")
    source = next(x for x in _leaves(pending) if isinstance(x, Activation))
    before = source.qparams
    if before is None:
        raise ModelError(f"the input of {pending.operator} is not quantised")
    real = _reals(before)
    result = np.asarray(_evaluate(pending, real))
    check_places(pending, qparams)
    result = np.broadcast_to(result, np.broadcast_shapes(result.shape, (256,)))
    if len(source.shape) == 4 or (len(source.shape) == 3 and result.ndim == 2):
        source = builder.channels_last(source)
    elif result.ndim == 2:
        source = builder.plain(source)
    with np.errstate(all="ignore"):
        steps = np.rint(result / qparams.scale).astype(np.float64)
    if np.isnan(steps).any():
        # What the runtime makes of it depends on where in the tensor it stands.
        raise ModelError(
            f"{pending.operator} gives no number for some of the values that its input may have"
        )
    return emit_table(builder, pending.name, source, _table(result, qparams), qparams, output)


def emit_table(
    builder: Builder,
    name: str,
    source: Activation,
    table: NDArray[np.int64],
    qparams: QParams,
    output: str,
) -> Activation:
    """Add TABLE: ``table`` (256,) or (channels, 256), at the index ``value & 255``."""
    attributes = {"table": tuple(table.reshape(-1).tolist())}
    tensor = builder.emit("TABLE", name, (source.tensor,), output, attributes, qparams=qparams)
    return replace(source, tensor=tensor, qparams=qparams)

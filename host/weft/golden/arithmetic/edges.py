"""Where a graph meets float32 or uint8: quantisation, and from one quantisation to another."""

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import Rule, multiply, round_away

__all__ = [
    "dequantize",
    "quantize_away",
    "quantize_even",
    "quantize_inverse",
    "requantize_tensor",
]


_LEAST = -(1 << 31)  # int32


def _store(value: NDArray[np.number], dtype: np.dtype) -> NDArray[np.integer]:
    limits = np.iinfo(dtype)
    return np.clip(value, limits.min, limits.max).astype(dtype)


# A quotient or a product beyond float32 is infinite, which is as far outside of int8.
_far_out = np.errstate(over="ignore", invalid="ignore")


def _finite(value: NDArray[np.float32], nan: float) -> NDArray[np.float64]:
    # Far outside of int8 nothing changes any more.
    return np.nan_to_num(np.clip(value.astype(np.float64), -1e9, 1e9), nan=nan)


@_far_out
def quantize_away(
    x: NDArray[np.float32], *, scale: np.float32, zero_point: int, dtype: np.dtype
) -> NDArray[np.integer]:
    """Return ``round(x / scale) + zero_point``, ties away from zero (LiteRT's kernels).

    Their sum is an int32 that wraps. What none can hold, not-a-number too, is the least of them.
    """
    steps = round_away((x / scale).astype(np.float64))
    held = np.abs(steps) < -_LEAST
    wrapped = np.where(held, steps, _LEAST).astype(np.int64) + zero_point
    return _store(wrapped.astype(np.int32), dtype)


@_far_out
def quantize_even(
    x: NDArray[np.float32], *, scale: np.float32, zero_point: int, dtype: np.dtype
) -> NDArray[np.integer]:
    """Return ``rint(x / scale) + zero_point``, ties to even (ONNX); of not-a-number the least."""
    return _store(np.rint(_finite(x / scale, -1e9)) + zero_point, dtype)


@_far_out
def quantize_inverse(
    x: NDArray[np.float32], *, scale: np.float32, zero_point: int, dtype: np.dtype
) -> NDArray[np.integer]:
    """Return ``rint(x * (1 / scale)) + zero_point`` in float32, ties to even (XNNPACK).

    Of not-a-number it is the greatest.
    """
    return _store(np.rint(_finite(x * (np.float32(1) / scale), 1e9)) + zero_point, dtype)


@_far_out
def dequantize(
    x: NDArray[np.integer], *, scale: np.float32, zero_point: int
) -> NDArray[np.float32]:
    """Return ``scale * (x - zero_point)`` in float32."""
    return scale * (x.astype(np.int32) - zero_point).astype(np.float32)


def requantize_tensor(
    x: NDArray[np.integer],
    *,
    zero_point: int,
    scale: float,
    rule: Rule,
    output_zero_point: int,
    dtype: np.dtype,
) -> NDArray[np.integer]:
    """Return ``round((x - zero_point) * scale) + output_zero_point``.

    ``x`` is int8 or uint8, ``scale`` the ratio of the input's scale to the output's.
    """
    value = multiply(x.astype(np.int64) - zero_point, scale, rule)
    return _store(value + output_zero_point, dtype)

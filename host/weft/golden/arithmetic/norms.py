"""Rows of length 1, as LiteRT's L2_NORMALIZATION makes them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.fixed_point import reciprocal_root
from weft.golden.arithmetic.requantize import double_rounding

__all__ = ["normalise_rows"]

_BITS = 7  # of the result's scale, 1/128


def normalise_rows(x: NDArray[np.int8], zero_point: int, *, unsigned: bool) -> NDArray[np.int8]:
    """Return the last dimension through the root of its sum of squares.

    ``x`` is int8 of any scale, the result of 1/128 and zero point 0. Of uint8 the kernel scales
    before it multiplies, of int8 behind.
    """
    steps = x.astype(np.int64) - zero_point
    rows = steps.reshape(-1, x.shape[-1])
    totals, places = np.unique((rows * rows).sum(-1), return_inverse=True)
    roots = np.array([reciprocal_root(int(total)) for total in totals], np.int64)
    multiplier, exponent = roots[places.reshape(-1)].T[..., None]
    value: NDArray[Any]
    if unsigned:
        value = double_rounding(rows << _BITS, multiplier, exponent)
    else:
        value = double_rounding(rows, multiplier, exponent + _BITS)
    return np.clip(value, -128, 127).astype(np.int8).reshape(x.shape)

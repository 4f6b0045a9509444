"""Functions of whole numbers and truth values as LiteRT's kernels compute them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden.arithmetic.requantize import double_rounding, quantize_multiplier

__all__ = ["COMPARISONS", "INTEGER_FUNCTIONS", "LOGIC", "cast", "comparable"]

Array = NDArray[Any]
Function = Callable[..., Array]

# By ONNX's names, where it has one. Sums and products wrap.
INTEGER_FUNCTIONS: Mapping[str, Function] = {
    "Abs": np.abs,
    "Add": np.add,
    "FloorDiv": np.floor_divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Mod": np.mod,
    "Mul": np.multiply,
    "Neg": np.negative,
    "Sub": np.subtract,
}
COMPARISONS: Mapping[str, Function] = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "NotEqual": np.not_equal,
}
LOGIC: Mapping[str, Function] = {
    "And": np.logical_and,
    "Not": np.logical_not,
    "Or": np.logical_or,
}


def comparable(x: NDArray[np.int8], scale: np.float32, zero_point: int) -> NDArray[np.int64]:
    """Return what LiteRT compares of a quantised tensor: 256 times its numbers, rounded."""
    steps = (x.astype(np.int64) - zero_point) << 8
    return double_rounding(steps, *quantize_multiplier(float(scale)))


def cast(x: Array, dtype: np.dtype) -> Array:
    """Return numbers of another type; float32 is cut towards zero and must fit int32 or int64."""
    with np.errstate(invalid="ignore"):
        return x.astype(dtype)

"""Operators that move values without changing them."""

from typing import Any

from numpy.typing import NDArray

from weft.evaluation.context import Context

__all__ = ["reshape"]


def reshape(context: Context) -> NDArray[Any]:
    """Return the values in the output's shape."""
    return context.shaped(context.value(0))

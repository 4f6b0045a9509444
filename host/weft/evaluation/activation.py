"""Activations that are operators of their own."""

from typing import Any

from numpy.typing import NDArray
from weft_sim import golden

from weft.evaluation.context import Context

__all__ = ["softmax"]


def softmax(context: Context) -> NDArray[Any]:
    """Return the softmax over the last axis."""
    scale, beta = float(context.scale(0)), context.attributes["beta"]
    return golden.softmax_fixed_point(context.value(0), scale=scale, beta=beta)

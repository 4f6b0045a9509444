"""Pooling."""

from typing import Any

from numpy.typing import NDArray
from weft_sim import golden

from weft.evaluation.context import Context
from weft.evaluation.stage import output_stage

__all__ = ["average_pool", "max_pool"]


def _window(context: Context) -> dict[str, Any]:
    return {name: context.attributes[name] for name in ("kernel", "stride", "padding")}


def max_pool(context: Context) -> NDArray[Any]:
    """Return the maxima of windows."""
    stage = output_stage(context)
    return golden.max_pool2d(context.value(0), **_window(context), low=stage.low, high=stage.high)


def average_pool(context: Context) -> NDArray[Any]:
    """Return the means of windows; padding is not counted."""
    stage = output_stage(context)
    return golden.average_pool2d(
        context.value(0), **_window(context), low=stage.low, high=stage.high
    )

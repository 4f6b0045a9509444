"""The functions that compute each operator on the golden model."""

from collections.abc import Callable
from typing import Any, NamedTuple

from weft.golden.operators import (
    activation,
    detection,
    edges,
    elementwise,
    floats,
    linear,
    memory,
    pool,
    real,
    shape,
)
from weft.golden.operators.context import Context
from weft.graph import OPERATORS

__all__ = ["EVALUATORS", "Evaluator"]

Function = Callable[[Context], Any]


class Evaluator(NamedTuple):
    """Functions that return the output of a node, or a tuple of its outputs.

    Parameters
    ----------
    integers : callable or None
        In the runtime's own arithmetic.
    reals : callable or None
        In a float island, where the node reads or makes real numbers.
    floats : callable or None
        On float32, as LiteRT.
    """

    integers: Function | None
    reals: Function | None = None
    floats: Function | None = None


def _named(trait: Callable[[str], bool], evaluator: Evaluator) -> dict[str, Evaluator]:
    return dict.fromkeys(filter(trait, OPERATORS), evaluator)


EVALUATORS: dict[str, Evaluator] = {
    **_named(lambda name: OPERATORS[name].weighted, Evaluator(linear.linear, real.linear)),
    **_named(lambda name: OPERATORS[name].tabulated, Evaluator(activation.apply_table)),
    "BATCH_MATMUL": Evaluator(linear.batch_matmul, real.batch_matmul),
    "SOFTMAX": Evaluator(activation.softmax, real.softmax, floats.softmax),
    "L2_NORMALIZATION": Evaluator(activation.normalise),
    "LOG_SOFTMAX": Evaluator(activation.log_softmax, real.log_softmax, floats.log_softmax),
    "ADD": Evaluator(elementwise.add, real.function),
    "SUB": Evaluator(elementwise.add, real.function),
    "MUL": Evaluator(elementwise.multiply, real.function),
    "PRELU": Evaluator(elementwise.prelu),
    "MAXIMUM": Evaluator(elementwise.compare),
    "MINIMUM": Evaluator(elementwise.compare),
    "SQUARED_DIFFERENCE": Evaluator(elementwise.squared_difference),
    "AVERAGE_POOL_2D": Evaluator(pool.average_pool, real.average_pool, floats.average_pool),
    "MAX_POOL_2D": Evaluator(pool.max_pool, real.max_pool, floats.max_pool),
    "MEAN": Evaluator(pool.mean, real.mean, floats.mean),
    "SUM": Evaluator(pool.total, real.total, floats.total),
    "REDUCE_MAX": Evaluator(pool.extreme, real.extreme, pool.extreme),
    "REDUCE_MIN": Evaluator(pool.extreme, real.extreme, pool.extreme),
    "CONCATENATION": Evaluator(shape.concatenation, real.concatenation, shape.concatenation),
    "PAD": Evaluator(shape.pad, real.pad, floats.pad),
    # What only moves numbers is the same for integers and reals.
    "RESHAPE": Evaluator(shape.reshape, shape.reshape),
    "TRANSPOSE": Evaluator(shape.transpose, shape.transpose),
    "SLICE": Evaluator(shape.slice_tensor, shape.slice_tensor),
    "GATHER": Evaluator(shape.gather, shape.gather),
    "GATHER_ND": Evaluator(shape.gather_nd),
    "RESIZE_NEAREST_NEIGHBOR": Evaluator(shape.resize, shape.resize, shape.resize),
    "RESIZE_BILINEAR": Evaluator(shape.resize, None, shape.resize),
    "RESIZE_BETWEEN": Evaluator(shape.resize_between, real.resize_between),
    "ARG_MAX": Evaluator(shape.arg_max, shape.arg_max),
    "ARG_MIN": Evaluator(shape.arg_max, shape.arg_max),
    "SELECT": Evaluator(shape.select),
    "DETECTION": Evaluator(detection.detection),
    "SVDF": Evaluator(memory.svdf),
    "LSTM": Evaluator(memory.lstm),
    "QUANTIZE": Evaluator(edges.quantize, real.quantize),
    "DEQUANTIZE": Evaluator(edges.dequantize, real.dequantize),
    "FUNCTION": Evaluator(elementwise.function, real.function),
}

"""Constants of one rounding that reproduce a function of an integer, such as a product or sum."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.multiplier import (
    fit_multiplier,
    float32_multiplier,
    rounding_of,
    split_scale,
)
from weft.compiler.constants.pairs import NO_FIT, Fit
from weft.compiler.ir import Unsupported
from weft.golden.arithmetic import OutputStage, Rule, requantize

__all__ = ["fit_function"]

Int64 = NDArray[np.int64]

_NEIGHBOURS = (0, 1, -1, 2, -2)  # of a float32 scale, in units of its last bit


def fit_function(stage: OutputStage, integers: Int64, results: Int64) -> Fit:
    """Return the requantisation that makes ``results`` of ``integers``, both of any one shape.

    Every integer that can occur must be there, so that agreement is a proof.

    Raises
    ------
    Unsupported
        If there is none.
    """
    scale = float(np.asarray(stage.scale).reshape(-1)[0])
    decisions = _decisions(stage, integers, results)
    for fit in _candidates(stage, scale, decisions):
        if np.array_equal(fit.finish(stage, integers), results):
            return fit
    raise Unsupported(NO_FIT)


def _decisions(stage: OutputStage, integers: Int64, results: Int64) -> list[tuple[int, int, int]]:
    """Return (value, a, b): integers up to a give less than the value, those from b on more."""
    order = np.argsort(integers, axis=None, kind="stable")
    flat, values = integers.reshape(-1)[order], results.reshape(-1)[order]
    if (np.diff(values) < 0).any():
        raise Unsupported(NO_FIT)
    wanted = np.arange(stage.low + 1, stage.high + 1)
    at = np.searchsorted(values, wanted)
    inside = (at > 0) & (at < len(values))
    return [
        (int(v), int(flat[i - 1]), int(flat[i]))
        for v, i in zip(wanted[inside], at[inside], strict=True)
    ]


def _candidates(
    stage: OutputStage, scale: float, decisions: list[tuple[int, int, int]]
) -> Iterator[Fit]:
    """Yield the runtime's own arithmetic, then what fits every decision."""
    zero_point = stage.zero_point
    multiplier, shift = split_scale(scale)
    if stage.rule is not Rule.FLOAT32:
        yield Fit(rounding_of(stage.rule), multiplier, shift, zero_point)
    else:
        yield Fit(Rounding.FLOAT32, *float32_multiplier(scale), zero_point)
    if (fitted := fit_multiplier(_moved(decisions, zero_point, 0), shift)) is not None:
        yield Fit(Rounding.HALF_UP, fitted, shift, zero_point)
    # ONNX Runtime adds the zero point before it rounds, which moves ties and what rounds to one.
    # A bias of about k / scale and a zero point less by k does the same.
    biases = [
        (other, round((zero_point - other) / scale))
        for other in range(-128, 128)
        if abs(zero_point - other) / scale < 1 << 22
    ]
    if stage.rule is Rule.FLOAT32:
        yield from _even(stage, scale, biases, decisions)
    for other, bias in biases:
        if (fitted := fit_multiplier(_moved(decisions, other, bias), shift)) is not None:
            yield Fit(Rounding.HALF_UP, fitted, shift, other, bias)


def _moved(
    decisions: list[tuple[int, int, int]], zero_point: int, bias: int
) -> Iterator[tuple[int, int, int]]:
    """Yield what the decisions are before the zero point, of integers with a bias."""
    for value, below, reaches in decisions:
        yield value - zero_point, below + bias, reaches + bias


def _even(
    stage: OutputStage,
    scale: float,
    biases: list[tuple[int, int]],
    decisions: list[tuple[int, int, int]],
) -> Iterator[Fit]:
    """Yield fits of float32 rounding, ties to even, that are right at every decision."""
    values, below, reaches = np.array(decisions, np.int64).reshape(-1, 3).T
    zeros, bias = np.array(biases, np.int64).reshape(-1, 2).T
    for neighbour in _NEIGHBOURS:
        multiplier, shift = float32_multiplier(scale)
        multiplier += neighbour << 7
        if not 1 << 30 <= multiplier < 1 << 31:
            continue
        wanted = values - zeros[:, None]
        before, after = (
            requantize(p + bias[:, None], multiplier, shift, Rounding.FLOAT32)
            for p in (below, reaches)
        )
        for found in np.flatnonzero(((before < wanted) & (after >= wanted)).all(axis=1)).tolist():
            yield Fit(Rounding.FLOAT32, multiplier, shift, int(zeros[found]), int(bias[found]))

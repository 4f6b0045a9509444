"""Constants of ADD and SUB, checked on all 65,536 pairs of operands."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import WIDE_SHIFT, Rounding

from weft.compiler.constants.multiplier import float32_multiplier, rounding_of, split_scale
from weft.compiler.constants.pairs import NO_FIT, VALUES, Fit
from weft.compiler.ir import Unsupported
from weft.golden.arithmetic import OutputStage, Rule, multiply, requantize

__all__ = ["fit_sum"]

Int64 = NDArray[np.int64]

_ATTEMPTS = 400
_LARGEST = 1 << 40  # beyond every accumulator
_FLOAT32_EXACT = 1 << 24


def fit_sum(
    stage: OutputStage,
    scales: list[float],
    zeros: list[int],
    output_scale: float,
    results: Int64,
    sign: int,
) -> tuple[int, Int64, Fit]:
    """Return which operand comes first, the other one's table, and the requantisation.

    Parameters
    ----------
    stage : OutputStage
    scales, zeros : of both operands
    results : ndarray, int64, shape (256, 256)
        What the runtime makes of each pair, by byte of the first and of the second operand.
    sign : 1 for ADD, -1 for SUB

    Raises
    ------
    Unsupported
        If no constants reproduce ``results``.
    """
    order = sorted((0, 1), key=lambda i: -scales[i])
    for first in order:
        if first == 1 and sign < 0:  # the first operand cannot be subtracted
            continue
        by_first = results if first == 0 else results.T
        second = 1 - first
        if stage.rule in (Rule.DOUBLE, Rule.HALF_UP) and scales[first] == max(scales):
            table, fit = _litert_sum(
                stage,
                scales[first],
                scales[second],
                zeros[first],
                zeros[second],
                output_scale,
                sign,
            )
        else:
            found = _fitted_sum(stage, scales[first] / output_scale, by_first)
            if found is None:
                continue
            table, fit = found
        sums = (VALUES[:, None] << (WIDE_SHIFT if fit.wide else 0)) + table
        if np.array_equal(fit.finish(stage, sums), by_first):
            return first, table, fit
    raise Unsupported(NO_FIT)


def _litert_sum(
    stage: OutputStage,
    scale: float,
    other_scale: float,
    zero: int,
    other_zero: int,
    output_scale: float,
    sign: int,
) -> tuple[Int64, Fit]:
    """Return the table and requantisation of LiteRT's own arithmetic.

    It shifts both operands left by 20 bits and scales them to twice the larger scale. For the
    operand of larger scale that is a shift by 19; the other one's scaled value, less the first
    one's zero point, is what the table holds.
    """
    common = 2.0 * scale
    scaled = sign * multiply((VALUES - other_zero) << 20, other_scale / common, stage.rule)
    multiplier, shift = split_scale(common / ((1 << 20) * output_scale))
    fit = Fit(rounding_of(stage.rule), multiplier, shift, stage.zero_point)
    return scaled - (zero << WIDE_SHIFT), fit


def _fitted_sum(stage: OutputStage, ratio: float, results: Int64) -> tuple[Int64, Fit] | None:
    """Return a table and constants that reproduce ``results`` with one rounding, if any.

    With the constants given, each entry of the table must lie in an interval for each value of
    the first operand; constants are tried until no intersection is empty.
    """
    index = results - stage.low
    for fit in (*_even_candidates(stage, ratio), *_candidates(stage, ratio)):
        least, most = _intervals(stage, fit)
        shifted = VALUES[:, None] << (WIDE_SHIFT if fit.wide else 0)
        lower = (least[index] - shifted).max(axis=0)
        upper = (most[index] - shifted).min(axis=0)
        bound = 1 << 30 if fit.wide else _FLOAT32_EXACT - 256
        if (np.maximum(lower, -bound) <= np.minimum(upper, bound)).all():
            table = np.clip((lower + upper) >> 1, -bound, bound)
            return np.clip(table, lower, upper), fit
    return None


def _candidates(stage: OutputStage, ratio: float) -> Iterator[Fit]:
    """Yield multipliers close to the ratio of scales, for a wide first operand."""
    multiplier, shift = split_scale(ratio / (1 << WIDE_SHIFT))
    for attempt in range(_ATTEMPTS):
        step = (attempt + 1) // 2 * (1 if attempt % 2 else -1) << 8
        if 0 < multiplier + step < 1 << 31:
            yield Fit(Rounding.HALF_UP, multiplier + step, shift, stage.zero_point)


def _even_candidates(stage: OutputStage, ratio: float) -> Iterator[Fit]:
    """Yield float32's own rounding, ties to even, where one step of the sum is ``ratio``.

    A runtime that adds the zero point before it rounds has the ties of an odd one the other way
    round, so that a neighbouring zero point goes with the table's sum.
    """
    if stage.rule is not Rule.FLOAT32 or not 2.0**-16 < ratio < 1:
        return
    multiplier, shift = float32_multiplier(ratio)
    aside = -1 if stage.zero_point > 0 else 1
    for zero_point in (stage.zero_point, stage.zero_point + aside):
        yield Fit(Rounding.FLOAT32, multiplier, shift, zero_point, wide=False)


def _intervals(stage: OutputStage, fit: Fit) -> tuple[Int64, Int64]:
    """Return the least and the greatest sum that becomes each value from low to high."""
    values = np.arange(stage.low, stage.high + 1)
    if fit.rounding is Rounding.HALF_UP:
        edges = [
            -(-((2 * (v - fit.zero_point) - 1) << (fit.shift - 1)) // fit.multiplier)
            for v in values.tolist()
        ]
        least = np.array(edges)
    else:
        below, least = (np.full(len(values), x) for x in (-_FLOAT32_EXACT, _FLOAT32_EXACT))
        while (least - below > 1).any():
            middle = (below + least) >> 1
            enough = requantize(middle, fit.multiplier, fit.shift, fit.rounding) >= (
                values - fit.zero_point
            )
            least, below = np.where(enough, middle, least), np.where(enough, below, middle)
    most = np.append(least[1:] - 1, _LARGEST)
    least[0] = -_LARGEST
    return least, most

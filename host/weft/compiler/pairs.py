"""Constants of ADD, SUB and MUL, checked on all 65,536 pairs of operands."""

import math

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding
from weft_sim.golden import OutputStage, Rule, multiply, quantize_multiplier, requantize

from weft.compiler.ir import Unsupported

__all__ = ["VALUES", "fit_product", "fit_sum"]

Int64 = NDArray[np.int64]
Fit = tuple[Rounding, int, int]

VALUES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)  # by byte, as tables are
_WIDE = 19  # bits by which the first operand is shifted left
_ATTEMPTS = 400
_NO_FIT = "no multiplier and table give every sum or product as the runtime does"


def _finish(stage: OutputStage, value: Int64, fit: Fit) -> Int64:
    """Return what the hardware makes of values before requantisation."""
    rounding, multiplier, shift = fit
    scaled = requantize(value, multiplier, shift, rounding)
    return np.clip(scaled + stage.zero_point, stage.low, stage.high)


def _split(scale: float) -> tuple[int, int]:
    """Return a 31-bit multiplier and the shift with ``scale ~ multiplier / 2**shift``."""
    multiplier, exponent = quantize_multiplier(scale)
    if multiplier == 0 or not 1 <= 31 - exponent <= 62:
        raise Unsupported("its output's scale is out of the requantiser's range")
    return multiplier, 31 - exponent


def fit_sum(
    stage: OutputStage, scales: list[float], zeros: list[int], output_scale: float,
    results: Int64, sign: int,
) -> tuple[int, Int64, Fit]:  # fmt: skip
    """Return which operand is shifted, the other one's table, and the requantisation.

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
        if first == 1 and sign < 0:  # the shifted operand cannot be subtracted
            continue
        by_first = results if first == 0 else results.T
        second = 1 - first
        if stage.rule in (Rule.DOUBLE, Rule.HALF_UP) and scales[first] == max(scales):
            table, fit = _litert_sum(
                stage, scales[first], scales[second], zeros[first], zeros[second], output_scale,
                sign)  # fmt: skip
        else:
            found = _fitted_sum(stage, scales[first] / output_scale, by_first)
            if found is None:
                continue
            table, fit = found
        sums = (VALUES[:, None] << _WIDE) + table
        if np.array_equal(_finish(stage, sums, fit), by_first):
            return first, table, fit
    raise Unsupported(_NO_FIT)


def _litert_sum(
    stage: OutputStage, scale: float, other_scale: float, zero: int, other_zero: int,
    output_scale: float, sign: int,
) -> tuple[Int64, Fit]:  # fmt: skip
    """Return the table and requantisation of LiteRT's own arithmetic.

    It shifts both operands left by 20 bits and scales them to twice the larger scale. For the
    operand of larger scale that is a shift by 19; the other one's scaled value, less the first
    one's zero point, is what the table holds.
    """
    common = 2.0 * scale
    scaled = sign * multiply((VALUES - other_zero) << 20, other_scale / common, stage.rule)
    multiplier, shift = _split(common / ((1 << 20) * output_scale))
    rounding = Rounding.DOUBLE if stage.rule is Rule.DOUBLE else Rounding.HALF_UP
    return scaled - (zero << _WIDE), (rounding, multiplier, shift)


def _fitted_sum(stage: OutputStage, ratio: float, results: Int64) -> tuple[Int64, Fit] | None:
    """Return a table and a multiplier that reproduce ``results`` with one rounding, if any.

    With a multiplier given, each entry of the table must lie in an interval for each value of
    the first operand; multipliers close to the ratio of scales are tried until no intersection
    is empty.
    """
    multiplier, shift = _split(ratio / (1 << _WIDE))
    values = range(stage.low, stage.high + 1)
    index = results - stage.low
    shifted = VALUES[:, None] << _WIDE
    for attempt in range(_ATTEMPTS):
        step = (attempt + 1) // 2 * (1 if attempt % 2 else -1) << 8
        candidate = multiplier + step
        if not 0 < candidate < 1 << 31:
            continue
        least, most = [], []
        for value in values:
            v = value - stage.zero_point
            low = -(-((2 * v - 1) << (shift - 1)) // candidate)
            high = -(-((2 * v + 1) << (shift - 1)) // candidate) - 1
            least.append(-(1 << 40) if value == stage.low else low)
            most.append(1 << 40 if value == stage.high else high)
        lower = (np.array(least)[index] - shifted).max(axis=0)
        upper = (np.array(most)[index] - shifted).min(axis=0)
        if (lower <= upper).all():
            table = np.clip((lower + upper) >> 1, -(1 << 30), (1 << 30) - 1)
            return np.clip(table, lower, upper), (Rounding.HALF_UP, candidate, shift)
    return None


def fit_product(stage: OutputStage, products: Int64, results: Int64) -> Fit:
    """Return the requantisation that makes ``results`` of ``products``, both (256, 256).

    Raises
    ------
    Unsupported
        If there is none.
    """
    scale = float(np.asarray(stage.scale).reshape(-1)[0])
    multiplier, shift = _split(scale)
    direct = {Rule.DOUBLE: Rounding.DOUBLE, Rule.HALF_UP: Rounding.HALF_UP}.get(stage.rule)
    candidates: list[Fit] = []
    if direct is not None:
        candidates.append((direct, multiplier, shift))
    else:
        mantissa, exponent = math.frexp(float(np.float32(scale)))
        candidates.append((Rounding.FLOAT32, int(mantissa * (1 << 24)) << 7, 31 - exponent))
    fitted = _intersect(stage, products, results, shift)
    if fitted is not None:
        candidates.append((Rounding.HALF_UP, fitted, shift))
    for fit in candidates:
        if np.array_equal(_finish(stage, products, fit), results):
            return fit
    raise Unsupported(_NO_FIT)


def _intersect(
    stage: OutputStage, products: Int64, results: Int64, shift: int
) -> int | None:
    """Return a multiplier whose single rounding makes ``results`` of ``products``, if any."""
    least, most = 1, (1 << 31) - 1
    for value in np.unique(results).tolist():
        v, of_value = value - stage.zero_point, products[results == value]
        low, high = int(of_value.min()), int(of_value.max())
        floor, ceiling = (2 * v - 1) << (shift - 1), ((2 * v + 1) << (shift - 1)) - 1
        if value > stage.low:  # low * M >= floor
            if low > 0:
                least = max(least, -(-floor // low))
            elif low < 0:
                most = min(most, floor // low)
        if value < stage.high:  # high * M <= ceiling
            if high > 0:
                most = min(most, ceiling // high)
            elif high < 0:
                least = max(least, -(-ceiling // high))
    return (least + most) // 2 if least <= most else None

"""Multiplier and shift of each output channel, proved equal to the runtime's arithmetic."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import Rounding

from weft.compiler.constants.multiplier import (
    LARGEST_SHIFT,
    Decision,
    fit_multiplier,
    float32_multipliers,
    rounding_of,
)
from weft.compiler.constants.scaling import Int64, Multipliers, Scaling
from weft.compiler.ir import Unsupported
from weft.golden.arithmetic import OutputStage, Rule, quantize_multiplier, requantize

__all__ = ["choose_multipliers", "parameter_words"]

_FLOAT32_EXACT = 1 << 24
_SATURATED = 257
_UNITY = (1 << 30, 30)  # multiplier and shift that change nothing, in every mode


def choose_multipliers(stage: OutputStage, low: Int64, high: Int64) -> Multipliers:
    """Return parameters that give the same int8 for every accumulator from low to high.

    Parameters
    ----------
    stage : OutputStage
        What the runtime does.
    low, high : ndarray, int64, shape (channels,)
        Provable bounds of each channel's accumulator, bias included.

    Raises
    ------
    Unsupported
        If no multiplier of 31 bits and shift of 6 bits does it for some channel.
    """
    if stage.rule is Rule.REAL:
        raise Unsupported("the runtime computes it in float, which no multiplier follows")
    channels = len(low)
    scale = np.asarray(stage.scale, np.float64)
    if scale.shape != (channels,):
        scale = np.broadcast_to(scale, (channels,))
    if not (np.isfinite(scale).all() and (scale >= 0).all()):
        raise Unsupported("a scale is negative or not finite")
    if stage.rule is Rule.DOUBLE and (_largest(low, high) * scale >= 1 << 30).any():
        raise Unsupported("its scale shifts accumulators out of 32 bits, which wraps")
    at_low, at_high = stage(np.array([low, high])).astype(np.int64)
    # Rounding is monotonic, so a channel that agrees at both ends is constant.
    constant = at_low == at_high
    scaling = _direct(stage.rule, scale, low, high) if stage.rule is not Rule.FLOAT64 else None
    offset = np.zeros(channels, np.int64)
    if scaling is not None and scaling.rounding is Rounding.FLOAT32:
        once = ~scaling.exact & (at_high - at_low == 1)
        for channel in once.nonzero()[0].tolist():
            _move_decision(stage, channel, low, high, scaling, offset)
    if scaling is None or (~scaling.exact & ~constant).any():
        scaling = _fitted(stage, scale, low, high, constant)
        offset = np.zeros(channels, np.int64)
    folded = ~scaling.exact
    return Multipliers(
        scaling.rounding,
        np.where(folded, _UNITY[0], scaling.multiplier),
        np.where(folded, _UNITY[1], scaling.shift),
        folded,
        at_low - stage.zero_point,
        offset,
    )


def _largest(low: Int64, high: Int64) -> Int64:
    return np.maximum(np.abs(low), np.abs(high))


def _move_decision(
    stage: OutputStage,
    channel: int,
    low: Int64,
    high: Int64,
    scaling: Scaling,
    offset: Int64,
) -> None:
    """Bring a channel with a single decision into the range in which float32 is exact.

    With a scale of ``2**-bits`` the decision between ``v`` and ``v + 1`` lies at
    ``(v + 1/2) * 2**bits``; the offset moves the accumulator's decision there.
    """
    only = OutputStage(
        stage.rule,
        np.broadcast_to(stage.scale, low.shape)[channel : channel + 1],
        stage.zero_point,
        stage.low,
        stage.high,
    )
    first, last = low[channel : channel + 1], high[channel : channel + 1]
    below = int(only(first)[0])
    values, thresholds = _thresholds(only, first, last)
    decision = int(thresholds[values == below + 1][0, 0])
    v = below - stage.zero_point
    for bits in range(23, 0, -1):
        # A tie goes to the even one of v and v + 1.
        target = (2 * v + 1) * (1 << bits - 1) + (v % 2 == 0)
        ends = np.array([first[0], decision - 1, decision, last[0]]) + target - decision
        got = requantize(ends, 1 << 30, 30 + bits, scaling.rounding)
        if np.abs(ends).max() <= _FLOAT32_EXACT and got.tolist() == [v, v, v + 1, v + 1]:
            scaling.multiplier[channel], scaling.shift[channel] = 1 << 30, 30 + bits
            offset[channel], scaling.exact[channel] = target - decision, True
            return


def _direct(rule: Rule, scale: NDArray[np.float64], low: Int64, high: Int64) -> Scaling:
    """Return the runtime's own numbers, and for which channels the hardware treats them alike."""
    bound = _largest(low, high)
    if rule is Rule.FLOAT32:
        multiplier, shift = float32_multipliers(scale)
        # Beyond, both sides saturate where the product there has a whole part of 256 or more.
        exact = (bound <= _FLOAT32_EXACT) | (scale * _FLOAT32_EXACT >= _SATURATED)
    else:
        pairs = [quantize_multiplier(float(value)) for value in scale]
        multiplier = np.array([m for m, _ in pairs], np.int64)
        exponent = np.array([e for _, e in pairs], np.int64)
        # Beyond, the runtime's left shift of the accumulator would leave 32 bits.
        exact = (exponent <= 0) | (bound < 1 << 31 - np.clip(exponent, 0, 31))
        shift = 31 - exponent
    exact &= (shift >= 0) & (shift <= LARGEST_SHIFT)
    return Scaling(rounding_of(rule), multiplier, np.clip(shift, 0, LARGEST_SHIFT), exact)


def _thresholds(stage: OutputStage, low: Int64, high: Int64) -> tuple[Int64, Int64]:
    """Return (values, t): t[v, c] is the least accumulator whose output is at least values[v].

    Shape (values, channels); ``high + 1`` where no accumulator in the bounds reaches the value.
    """
    values = np.arange(stage.low + 1, stage.high + 1, dtype=np.int64)
    below = np.broadcast_to(low - 1, (len(values), len(low))).copy()
    reaches = np.broadcast_to(high + 1, below.shape).copy()
    # Without rounding they would lie here, and they do not lie far from it.
    with np.errstate(divide="ignore"):
        near = (values[:, None] - stage.zero_point - 0.5) / stage.scale
    near = np.rint(np.clip(near, low, high)).astype(np.int64)
    for offset in (-2, 2):
        place = np.clip(near + offset, low, high)
        enough = stage(place).astype(np.int64) >= values[:, None]
        reaches = np.where(enough, np.minimum(reaches, place), reaches)
        below = np.where(enough, below, np.maximum(below, place))
    while (reaches - below > 1).any():
        middle = (below + reaches) >> 1
        enough = stage(middle).astype(np.int64) >= values[:, None]
        reaches = np.where(enough, middle, reaches)
        below = np.where(enough, below, middle)
    return values, reaches


def _fitted(
    stage: OutputStage,
    scale: NDArray[np.float64],
    low: Int64,
    high: Int64,
    constant: NDArray[np.bool_],
) -> Scaling:
    """Fit a multiplier for one rounding shift to every decision of the runtime."""
    mantissa, exponent = np.frexp(scale)
    multiplier = np.floor(mantissa * (1 << 31) + 0.5).astype(np.int64)
    carry = multiplier == 1 << 31
    multiplier = np.where(carry, 1 << 30, multiplier)
    shift = 31 - (exponent.astype(np.int64) + carry)
    exact = ~constant
    if (exact & ((shift < 1) | (shift > 62))).any():
        raise Unsupported("a scale is out of the requantiser's range")
    shift = np.clip(shift, 1, 62)
    values, thresholds = _thresholds(stage, low, high)

    def agrees(candidate: Int64) -> NDArray[np.bool_]:
        wanted = values[:, None] - stage.zero_point
        at = requantize(np.clip(thresholds, low, high), candidate, shift, Rounding.HALF_UP)
        before = requantize(np.maximum(thresholds - 1, low), candidate, shift, Rounding.HALF_UP)
        right = ((at >= wanted) | (thresholds > high)) & ((before < wanted) | (thresholds <= low))
        return np.asarray(right.all(axis=0))

    wrong = exact & ~agrees(multiplier)
    for channel in np.flatnonzero(wrong):
        decisions = _decisions(
            values - stage.zero_point, thresholds[:, channel], int(low[channel]), int(high[channel])
        )
        multiplier[channel] = fit_multiplier(decisions, int(shift[channel])) or 0
    if (exact & ~agrees(multiplier)).any():
        raise Unsupported("no 31-bit multiplier rounds every accumulator as the runtime does")
    return Scaling(Rounding.HALF_UP, multiplier, shift, exact)


def _decisions(values: Int64, thresholds: Int64, low: int, high: int) -> Iterator[Decision]:
    """Yield what accumulators from low to high have to give."""
    for value, t in zip(values.tolist(), thresholds.tolist(), strict=True):
        yield value, t - 1 if t > low else None, t if t <= high else None


def parameter_words(bias: Int64, multipliers: Multipliers, lanes: int, first: int = 0) -> Int64:
    """Return (entries, lanes, 3) of bias, multiplier and shift, ``first`` lanes left empty.

    ``bias`` (channels,) is what the hardware adds, reduced to 32 bits here.
    """
    bias = np.where(multipliers.constant, multipliers.value, bias + multipliers.offset)
    bias = (bias + (1 << 31)) % (1 << 32) - (1 << 31)
    entries = -(-(first + len(bias)) // lanes)
    words = np.zeros((entries * lanes, 3), np.int64)
    for place, values in enumerate((bias, multipliers.multiplier, multipliers.shift)):
        words[first : first + len(bias), place] = values
    return words.reshape(entries, lanes, 3)

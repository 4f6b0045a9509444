"""Operators that keep a state of their own."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context

__all__ = ["lstm", "svdf"]


def svdf(context: Context) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the output of SVDF, and its state for the next call.

    Each filter weights the features of one call; a window over the last calls' results weights
    those, and ``rank`` filters add up to one output.
    """
    x, features, times = (context.value(i) for i in (0, 1, 2))
    bias = context.value(3) if context.has(3) else None
    state = context.tensor(4)
    memory, filters, limits = times.shape[1], len(times), np.iinfo(state.dtype)
    scale = context.scale(0) * context.scale(1) / context.scale(4)
    sums = golden.fully_connected(x, features, zero_point=context.zero_point(0))
    new = golden.multiply(sums, float(scale), golden.Rule.DOUBLE)
    new = np.clip(new, limits.min, limits.max) + context.zero_point(4)
    window = context.value(4).reshape(-1, filters, memory)
    window = np.concatenate([window[..., 1:], new[..., None].astype(state.dtype)], axis=-1)
    terms = times.astype(np.int64) * (window.astype(np.int64) - context.zero_point(4))
    total = terms.sum(-1).reshape(len(x), -1, context.attributes["rank"]).sum(-1)
    total = total if bias is None else total + bias
    scale = context.scale(4) * context.scale(2) / context.output_scale
    value = golden.multiply(total, float(scale), golden.Rule.DOUBLE) + context.output_zero_point
    return np.clip(value, -128, 127).astype(np.int8), window.reshape(len(x), -1)


def lstm(context: Context) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return the outputs of LSTM, and its output and cell for the next call."""
    gates = [
        golden.Gate(
            context.value(1 + gate),
            context.value(5 + gate),
            context.value(9 + gate),
            (context.scale(1 + gate), context.scale(5 + gate)),
        )
        for gate in range(4)
    ]
    h, c = 13, 14
    return golden.lstm(
        context.value(0),
        context.value(h),
        context.value(c),
        (gates[0], gates[1], gates[2], gates[3]),
        steps=(
            (context.scale(0), context.zero_point(0)),
            (context.scale(h), context.zero_point(h)),
        ),
        cell_bits=15 + round(math.log2(context.scale(c))),
        cell_limit=context.attributes["cell_limit"],
        hidden=(context.output_scale, context.output_zero_point),
    )

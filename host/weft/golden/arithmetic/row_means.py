"""Means of rows in float32, in the order of ONNX Runtime's ReduceMean on x86-64 (one thread).

Rows lie one behind the other, four numbers in 16 bytes. What comes before the first 16-byte
boundary of a row is added last, so the order depends on the row's number.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["row_means_float32"]

Float32 = NDArray[np.float32]
_LANES = 4


def row_means_float32(rows: Float32) -> Float32:
    """Return the means of ``rows``, float32 (rows, numbers), as float32 (rows,).

    Four lanes with two alternating accumulators, folded by halves; then the numbers before the
    boundary, then those behind the last whole packet, one by one.
    """
    count, length = rows.shape
    means = np.zeros(count, np.float32)
    skipped = -np.arange(count) * length % _LANES
    for skip in range(_LANES):
        chosen = skipped == skip
        if chosen.any():
            means[chosen] = _sums(rows[chosen], skip)
    return means / np.float32(length)


def _sums(rows: Float32, skip: int) -> Float32:
    packets = max(0, rows.shape[1] - skip) // _LANES
    if packets == 0:
        return _one_by_one(np.zeros(len(rows), np.float32), rows)
    end = skip + packets * _LANES
    body = rows[:, skip:end].reshape(len(rows), packets, _LANES)
    total = body[:, 0]
    if packets > 1:
        total, other = body[:, 0], body[:, 1]
        for index in range(2, packets - 1, 2):
            total, other = total + body[:, index], other + body[:, index + 1]
        total = total + other
        if packets % 2:
            total = total + body[:, -1]
    halves = total[:, :2] + total[:, 2:]
    folded: Float32 = np.asarray(halves[:, 0] + halves[:, 1], np.float32)
    return _one_by_one(_one_by_one(folded, rows[:, :skip]), rows[:, end:])


def _one_by_one(total: Float32, rows: Float32) -> Float32:
    for index in range(rows.shape[1]):
        total = total + rows[:, index]
    return total

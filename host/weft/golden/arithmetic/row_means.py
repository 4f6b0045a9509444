"""Means of rows in float32, in the orders of ONNX Runtime's kernels on x86-64 (one thread)."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["means_float32", "row_means_float32"]

Float32 = NDArray[np.float32]
_LANES = 4


def means_float32(rows: Float32, order: str) -> Float32:
    """Return the means of ``rows``, float32 (rows, numbers), as float32 (rows,).

    ``order``: ``"rows"`` as ReduceMean adds them; ``"lanes"`` as global pools do: four lanes,
    folded by halves, then the rest; ``"sequence"`` one by one, as pools of 16 channels at once do.
    """
    if order == "rows":
        return row_means_float32(rows)
    zero, length = np.zeros(len(rows), np.float32), np.float32(rows.shape[1])
    if order == "sequence":
        return _one_by_one(zero, rows) / length
    whole = rows.shape[1] // _LANES * _LANES
    total = np.zeros((len(rows), _LANES), np.float32)
    for start in range(0, whole, _LANES):
        total = total + rows[:, start : start + _LANES]
    return _one_by_one(_folded(total), rows[:, whole:]) / length


def row_means_float32(rows: Float32) -> Float32:
    """Return the means of ``rows``, float32 (rows, numbers), as ReduceMean does: float32 (rows,).

    Rows lie one behind the other, four numbers in 16 bytes. Four lanes with two alternating
    accumulators, folded by halves; then the numbers before the row's first 16-byte boundary, then
    those behind the last whole packet, one by one. So the order depends on the row's number.
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
    return _one_by_one(_one_by_one(_folded(total), rows[:, :skip]), rows[:, end:])


def _folded(lanes: Float32) -> Float32:
    halves = lanes[:, :2] + lanes[:, 2:]
    return np.asarray(halves[:, 0] + halves[:, 1], np.float32)


def _one_by_one(total: Float32, rows: Float32) -> Float32:
    for index in range(rows.shape[1]):
        total = total + rows[:, index]
    return total

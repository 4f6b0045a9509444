"""Boxes of objects out of what a detector's heads say, as LiteRT's TFLite_Detection_PostProcess."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Detection", "detect"]

Float32 = NDArray[np.float32]

_MOST = 709.0  # whose exponential float64 can hold
_exp: Any = np.frompyfunc(lambda x: math.exp(x) if x < _MOST else math.inf, 1, 1)  # C's


@dataclass(frozen=True)
class Detection:
    """What the operator is told.

    Parameters
    ----------
    detections : int
        Boxes that come out, at most.
    classes : int
        The last ones of the scores; one before them is the background's.
    per_class : int
        Boxes of each class that are kept where boxes are left out class by class; 0 where each box
        counts for its best class only, and is left out for a box of any.
    scales : four floats
        By which offsets of y and x, and logarithms of height and width, are divided.
    score, overlap : float
        Least score of a box; a box that overlaps one of higher score by more is left out.
    """

    detections: int
    classes: int
    per_class: int
    scales: tuple[float, float, float, float]
    score: float
    overlap: float


def detect(
    offsets: Float32, scores: Float32, anchors: Float32, options: Detection
) -> tuple[Float32, Float32, Float32, Float32]:
    """Return boxes, classes, scores, and how many there are; the rest is 0.

    Parameters
    ----------
    offsets : ndarray, float32, shape (boxes, 4 or more)
        Of the anchors' centres and sizes: y, x, height, width.
    scores : ndarray, float32, shape (boxes, classes, perhaps one more)
    anchors : ndarray, float32, shape (boxes, 4)

    Returns
    -------
    boxes : ndarray, float32, shape (detections, 4)
        Least y and x, greatest y and x.
    classes, scores : ndarray, float32, shape (detections,)
    count : ndarray, float32, shape ()
    """
    with np.errstate(all="ignore"):
        boxes = _boxes(offsets, anchors, options.scales)
    scores = scores[:, scores.shape[1] - options.classes :]
    with np.errstate(all="ignore"):
        choose = _by_class if options.per_class else _by_box
        chosen, classes = choose(boxes, scores, options)
    results = (
        np.zeros((options.detections, 4), np.float32),
        np.zeros(options.detections, np.float32),
        np.zeros(options.detections, np.float32),
    )
    for result, values in zip(
        results, (boxes[chosen], classes, scores[chosen, classes]), strict=True
    ):
        result[: len(chosen)] = values
    return *results, np.array(len(chosen), np.float32)


def _boxes(offsets: Float32, anchors: Float32, scales: tuple[float, ...]) -> Float32:
    """Return corners: in float64 up to centres and halves of sizes, those in float32."""
    divisors = np.array(scales, np.float32).astype(np.float64)
    y, x, height, width = (offsets[:, :4].astype(np.float64) / divisors).T
    anchor_y, anchor_x, anchor_height, anchor_width = anchors.astype(np.float64).T
    centres = np.stack([y * anchor_height + anchor_y, x * anchor_width + anchor_x], axis=1)
    halves = np.stack(
        [
            0.5 * _exp(height).astype(np.float64) * anchor_height,
            0.5 * _exp(width).astype(np.float64) * anchor_width,
        ],
        axis=1,
    )
    centre, half = centres.astype(np.float32), halves.astype(np.float32)
    return np.concatenate([centre - half, centre + half], axis=1)


def _by_box(
    boxes: Float32, scores: Float32, options: Detection
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return boxes that are apart from each other, and the best class of each."""
    best = scores.argmax(axis=1)
    chosen = _apart(boxes, _ordered(scores.max(axis=1), options), options, options.detections)
    return np.array(chosen, np.intp), best[chosen]


def _by_class(
    boxes: Float32, scores: Float32, options: Detection
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return boxes and classes: those of one class are apart from each other."""
    chosen, classes = np.zeros(0, np.intp), np.zeros(0, np.intp)
    for number in range(scores.shape[1]):
        order = _ordered(scores[:, number], options)
        more = np.array(_apart(boxes, order, options, options.per_class), np.intp)
        chosen = np.concatenate([chosen, more])
        classes = np.concatenate([classes, np.full(more.size, number)])
        best = np.argsort(-scores[chosen, classes], kind="stable")[: options.detections]
        chosen, classes = chosen[best], classes[best]
    return chosen, classes


def _ordered(scores: Float32, options: Detection) -> NDArray[np.intp]:
    """Return the boxes of a sufficient score, the greatest first."""
    kept = np.flatnonzero(scores >= np.float32(options.score))
    return kept[np.argsort(-scores[kept], kind="stable")]


def _apart(boxes: Float32, order: NDArray[np.intp], options: Detection, most: int) -> list[int]:
    """Return the first of the boxes in ``order`` that do not overlap one before."""
    chosen: list[int] = []
    left = order
    while left.size and len(chosen) < most:
        first, left = left[0], left[1:]
        chosen.append(int(first))
        shares = _overlaps(boxes[first], boxes[left])
        left = left[~(shares > np.float32(options.overlap))]
    return chosen


def _overlaps(box: Float32, others: Float32) -> Float32:
    """Return areas that boxes share with one, divided by those that both cover together."""

    def area(x: Float32) -> Any:
        return (x[..., 2] - x[..., 0]) * (x[..., 3] - x[..., 1])

    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    size = np.maximum(high - low, np.float32(0))
    shared = size[:, 0] * size[:, 1]
    one, each = area(box), area(others)
    share = np.asarray(shared / (one + each - shared), np.float32)
    share[(one <= 0) | (each <= 0)] = 0
    return share

"""Boxes of objects at a detector's end."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context, float32_value

__all__ = ["detection"]


def detection(context: Context) -> tuple[NDArray[Any], ...]:
    """Return boxes, classes, scores and counts of DETECTION, image by image."""
    offsets, scores, anchors = (float32_value(context, index) for index in range(3))
    given = context.attributes
    options = golden.Detection(
        detections=given["detections"],
        classes=given["classes"],
        per_class=given["per_class"],
        scales=given["scales"],
        score=given["score"],
        overlap=given["overlap"],
    )
    found = [
        golden.detect(offset, score, anchors.reshape(-1, 4), options)
        for offset, score in zip(offsets, scores, strict=True)
    ]
    return tuple(np.stack(parts) for parts in zip(*found, strict=True))

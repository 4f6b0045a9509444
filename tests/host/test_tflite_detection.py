"""TFLite_Detection_PostProcess equals LiteRT, equal scores and overlapping boxes included."""

import numpy as np
import pytest
from weft.errors import ModelError
from weft.importers.tflite.walk import import_tflite

pytest.importorskip("ai_edge_litert")

from networks.tflite_net import Net
from networks.tflite_parts import detection, real

BOXES, CLASSES, MOST = 60, 5, 8
OPTIONS = {
    "max_detections": MOST,
    "max_classes_per_detection": 1,
    "num_classes": CLASSES,
    "nms_score_threshold": 1e-8,
    "nms_iou_threshold": 0.5,
    "y_scale": 10.0,
    "x_scale": 9.0,
    "h_scale": 5.0,
    "w_scale": 4.0,
    "_output_quantized": True,
}


def network(seed, *, background=True, unsigned=True, coarse=1.0, **changes):
    """Return a network of that operator alone, and its outputs; ``coarse``: steps of scores."""
    rng = np.random.default_rng(seed)
    net = Net(np.uint8)
    anchors = rng.integers(40, 200, (BOXES, 4)).astype(np.uint8)
    anchors = net.constant(
        anchors if unsigned else (anchors / 255).astype(np.float32), (1 / 255, 0)
    )
    offsets = net.input((1, BOXES, 4), (0.08, 128))
    scores = net.input((1, BOXES, CLASSES + background), (coarse / 255, 0))
    if not unsigned:
        offsets, scores = (real(net, x) for x in (offsets, scores))
    options = {k: v for k, v in (OPTIONS | changes).items() if v is not None}
    return net, detection(net, offsets, scores, anchors, **options)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("overlap", [0.1, 0.5, 0.9])
def test_equals_litert(overlap, background):
    for seed in range(6):
        net, outputs = network(seed, background=background, nms_iou_threshold=overlap)
        assert net.differences(outputs, calls=4) == 0


def test_of_real_numbers():
    net, outputs = network(3, unsigned=False)
    assert net.differences(outputs, calls=4) == 0


def test_many_equal_scores():
    net, outputs = network(4)
    rng = np.random.default_rng(4)
    for _ in range(10):
        offsets = rng.integers(0, 256, (1, BOXES, 4)).astype(np.uint8)
        scores = rng.integers(0, 3, (1, BOXES, CLASSES + 1)).astype(np.uint8)
        assert net.differences(outputs, feeds=[offsets, scores]) == 0


@pytest.mark.parametrize("levels", [3, 256])  # of scores
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("per_class", [1, 3, None])
def test_class_by_class(per_class, background, levels):
    net, outputs = network(
        5, background=background, use_regular_nms=True, detections_per_class=per_class
    )
    rng = np.random.default_rng(6)
    for most in (0, 1, 2, 2, 2, 2):
        offsets = rng.integers(0, 256, (1, BOXES, 4)).astype(np.uint8)
        scores = rng.integers(0, levels, (1, BOXES, CLASSES + background)).astype(np.uint8)
        scores = np.where(rng.random(scores.shape) < most / 2, scores, 0).astype(np.uint8)
        assert net.differences(outputs, feeds=[offsets, scores]) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"use_regular_nms": True, "detections_per_class": 0}, "cannot give 0 boxes of a class"),
        ({"max_classes_per_detection": 2}, "several classes for each box"),
        ({"max_detections": 0}, "cannot give 0 boxes"),
        ({"num_classes": 3}, "do not fit"),
        ({"nms_iou_threshold": 0.0}, "an overlap of 0 to 1"),
        ({"y_scale": -1.0}, "four positive numbers"),
        ({"y_scale": None}, "must have the number y_scale"),
        ({"threshold_of_its_own": 1}, "option threshold_of_its_own"),
    ],
)
def test_what_is_refused(changes, message):
    net, outputs = network(1, **changes)
    with pytest.raises(ModelError, match=message):
        import_tflite(net.bytes(outputs), "m", "reference")

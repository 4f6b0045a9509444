"""TFLite_Detection_PostProcess, a custom operator that LiteRT knows."""

from typing import Any

from weft.errors import ModelError
from weft.importers.tflite.layer import Layer

__all__ = ["detection"]

_NUMBERS = (
    "max_detections",
    "max_classes_per_detection",
    "num_classes",
    "nms_score_threshold",
    "nms_iou_threshold",
    "y_scale",
    "x_scale",
    "h_scale",
    "w_scale",
)
_PER_CLASS = "detections_per_class"  # of suppression class by class alone
_USUAL = 100  # of them, where the file says nothing
_MOST = 1 << 16  # boxes


def detection(layer: Layer) -> None:
    """Translate it where suppression goes class by class, or over boxes of one class each."""
    options = _options(layer)
    by_class = bool(options.pop("use_regular_nms", False))
    per_class = int(options.pop(_PER_CLASS, _USUAL))
    for name in [*options]:
        # Those behind an underscore are hints for the converter.
        if name not in _NUMBERS and not name.startswith("_"):
            raise ModelError(f"option {name} of {layer.kind} is not supported")
    if missing := [name for name in _NUMBERS if not isinstance(options.get(name), int | float)]:
        raise ModelError(f"{layer.kind} must have the number {missing[0]}")
    if not by_class and options["max_classes_per_detection"] != 1:
        raise ModelError(f"{layer.kind} with several classes for each box is not supported")
    if len(layer.outputs) != 4 or len(layer.operator.inputs) != 3:
        raise ModelError(f"{layer.kind} must have three inputs and four outputs")
    images, count = layer.input(0).shape[:1], int(options["max_detections"])
    if by_class and not 0 < per_class <= _MOST:
        raise ModelError(f"{layer.kind} cannot give {per_class} boxes of a class")
    if not 0 < count <= _MOST:
        raise ModelError(f"{layer.kind} cannot give {count} boxes")
    # The file leaves the shapes of the outputs to the kernel.
    shapes = ((*images, count, 4), (*images, count), (*images, count), images)
    for output, shape in zip(layer.outputs, shapes, strict=True):
        layer.shape_output(output, shape)
    layer.emit(
        "DETECTION",
        layer.names(3),
        layer.outputs[0].name,
        outputs=tuple(output.name for output in layer.outputs[1:]),
        detections=count,
        classes=int(options["num_classes"]),
        per_class=min(per_class, count) if by_class else 0,
        scales=tuple(float(options[f"{axis}_scale"]) for axis in "yxhw"),
        score=float(options["nms_score_threshold"]),
        overlap=float(options["nms_iou_threshold"]),
    )


def _options(layer: Layer) -> dict[str, Any]:
    from flatbuffers import flexbuffers

    found = flexbuffers.Loads(layer.operator.custom_options)
    if not isinstance(found, dict):
        raise ModelError(f"the options of {layer.kind} are no map")
    return dict(found)

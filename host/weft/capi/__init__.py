"""Names by which scripts for ONNX Runtime catch its errors."""

from weft.capi import onnxruntime_pybind11_state

__all__ = ["onnxruntime_pybind11_state"]

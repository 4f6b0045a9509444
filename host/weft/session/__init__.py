"""A model ready to run on a device, in the shape of ONNX Runtime's API."""

from weft.graph.signature import TensorInfo
from weft.session.session import InferenceSession

__all__ = ["InferenceSession", "TensorInfo"]

"""A model ready to run on a device, in the shape of ONNX Runtime's API."""

from weft.graph.signature import TensorInfo
from weft.session.binding import IOBinding
from weft.session.declaration import ModelMetadata
from weft.session.options import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    RunOptions,
    SessionOptions,
    set_default_logger_severity,
    set_default_logger_verbosity,
)
from weft.session.providers import get_available_providers, get_device
from weft.session.session import InferenceSession
from weft.session.values import OrtValue

__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "ModelMetadata",
    "OrtValue",
    "RunOptions",
    "SessionOptions",
    "TensorInfo",
    "get_available_providers",
    "get_device",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
]

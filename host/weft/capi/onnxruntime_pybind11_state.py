"""ONNX Runtime's errors, as Weft's own.

The runtime tells apart more kinds. What is said of a model or of feeds is a :class:`ModelError`.
"""

from weft.errors import ModelError, NoSuchFile, WeftError

__all__ = [
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoadCanceled",
    "ModelLoaded",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
]

InvalidArgument = InvalidGraph = InvalidProtobuf = NoModel = NotImplemented = ModelError
EPFail = EngineError = Fail = NotFound = RuntimeException = WeftError
ModelLoadCanceled = ModelLoaded = ModelRequiresCompilation = WeftError

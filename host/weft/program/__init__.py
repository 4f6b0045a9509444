"""The compiled program, its file format, and the layout of tensors in memory."""

from weft.program.program import (
    DescriptorInfo,
    HostStep,
    Image,
    LayerInfo,
    Program,
    RunStep,
    StreamPlan,
    StreamSet,
    TensorPlace,
)

__all__ = [
    "DescriptorInfo",
    "HostStep",
    "Image",
    "LayerInfo",
    "Program",
    "RunStep",
    "StreamPlan",
    "StreamSet",
    "TensorPlace",
]

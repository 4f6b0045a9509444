"""The compiled program, its file format, and the layout of tensors in memory."""

from weft.program.program import (
    RING_CHUNKS,
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
    "RING_CHUNKS",
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

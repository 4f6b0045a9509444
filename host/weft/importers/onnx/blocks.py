"""ONNX's DepthToSpace and SpaceToDepth: channels become blocks of pixels, or the reverse."""

from dataclasses import replace

from weft.errors import ModelError
from weft.importers.onnx.builder import Builder
from weft.importers.onnx.declarations import Attributes
from weft.importers.onnx.values import Activation

__all__ = ["BLOCKS", "rearrange"]

BLOCKS = ("DepthToSpace", "SpaceToDepth")


def rearrange(
    builder: Builder,
    operator: str,
    name: str,
    attributes: Attributes,
    value: Activation,
    output: str,
) -> Activation:
    """Add one of ``BLOCKS`` as TRANSPOSE between two RESHAPE; channels stay last."""
    size = attributes["blocksize"]
    if len(value.shape) != 4 or size < 1:
        raise ModelError(f"{operator} with blocks of {size} of shape {value.shape} is not possible")
    image = builder.channels_last(value)
    batch, height, width, depth = builder.tensors[image.tensor].shape
    permutation: tuple[int, ...] = (0, 1, 3, 2, 4, 5)
    if operator == "SpaceToDepth":
        split = (batch, height // size, size, width // size, size, depth)
        stored = (batch, height // size, width // size, depth * size * size)
        fits = height % size == 0 and width % size == 0
    else:
        rest, fits = depth // (size * size), depth % (size * size) == 0
        split = (batch, height, width, size, size, rest)
        stored = (batch, height * size, width * size, rest)
        mode = attributes.get("mode", "DCR")
        if mode == "CRD":  # where a channel's block lies together
            split, permutation = (batch, height, width, rest, size, size), (0, 1, 4, 2, 5, 3)
        elif mode != "DCR":
            raise ModelError(f"{operator} with mode {mode} is not supported")
    if not fits:
        raise ModelError(f"blocks of {size} do not fit shape {value.shape}")
    kind, qparams = builder.tensors[image.tensor].dtype, value.qparams
    blocks = builder.emit(
        "RESHAPE",
        f"{name}/blocks",
        (image.tensor,),
        f"{output}/blocks",
        qparams=qparams,
        dtype=kind,
        shape=split,
    )
    moved = builder.emit(
        "TRANSPOSE",
        name,
        (blocks,),
        f"{output}/moved",
        {"permutation": permutation},
        qparams=qparams,
        dtype=kind,
    )
    tensor = builder.emit(
        "RESHAPE", f"{name}/image", (moved,), output, qparams=qparams, dtype=kind, shape=stored
    )
    return replace(image, tensor=tensor, shape=(stored[0], stored[3], *stored[1:3]))

"""Operators that move values without changing them."""

import math

import numpy as np

from weft.errors import ModelError
from weft.importers.tflite.chain import Chain
from weft.importers.tflite.integers import at_positions
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.tensors import indices

__all__ = [
    "broadcast",
    "expand",
    "gather",
    "mirror_pad",
    "pack",
    "pad",
    "pad_with",
    "paddings",
    "reshape",
    "reverse",
    "squeeze",
    "tile",
    "transpose",
    "unpack",
]


def reshape(layer: Layer) -> None:
    """Translate RESHAPE; where its shape is computed, the output tensor has it."""
    options = layer.optional("ReshapeOptions")
    shape: tuple[int, ...] = ()
    if layer.has(1):
        shape = layer.output.shape if layer.input(1).data is None else layer.integers(1)
    elif options is not None:
        shape = indices(options.NewShapeAsNumpy)
    if shape.count(-1) == 1:
        rest = math.prod(size for size in shape if size != -1)
        whole = math.prod(layer.input(0).shape)
        shape = tuple(whole // max(1, rest) if size == -1 else size for size in shape)
    layer.require_shape(layer.output, shape)
    layer.emit("RESHAPE", layer.names(1))


def squeeze(layer: Layer) -> None:
    """Translate SQUEEZE: the dimensions that it names, or all of 1, disappear."""
    options, shape = layer.optional("SqueezeOptions"), layer.input(0).shape
    named = () if options is None else indices(options.SqueezeDimsAsNumpy)
    axes = {layer.axis(axis, len(shape)) for axis in named}
    axes = axes or {axis for axis, size in enumerate(shape) if size == 1}
    left = [size for axis, size in enumerate(shape) if axis not in axes]
    layer.require_shape(layer.output, left)
    layer.emit("RESHAPE", layer.names(1))


def expand(layer: Layer) -> None:
    """Translate EXPAND_DIMS, which adds a dimension of 1."""
    shape, places = list(layer.input(0).shape), layer.integers(1)
    if len(places) != 1:
        raise ModelError(f"EXPAND_DIMS must have one axis, not {places}")
    shape.insert(layer.axis(places[0], len(shape) + 1), 1)
    layer.require_shape(layer.output, shape)
    layer.emit("RESHAPE", layer.names(1))


def transpose(layer: Layer) -> None:
    """Translate TRANSPOSE."""
    layer.emit("TRANSPOSE", layer.names(1), permutation=layer.integers(1))


def paddings(layer: Layer, position: int = 1) -> tuple[tuple[int, int], ...]:
    """Return pairs of a constant operand: what comes before a dimension, and behind it."""
    pairs = layer.constant(position)
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ModelError(f"the paddings of {layer.kind} must be pairs, not {pairs.shape}")
    return tuple((int(before), int(after)) for before, after in pairs)


def pad(layer: Layer) -> None:
    """Translate PAD."""
    layer.emit("PAD", layer.names(1), paddings=paddings(layer))


def pad_with(layer: Layer) -> None:
    """Translate PADV2, whose padding has a value."""
    value = layer.constant(2)
    if value.size != 1 or value.dtype != np.int8:
        raise ModelError(f"the value of {layer.kind} must be one int8 number")
    layer.emit("PAD", layer.names(1), paddings=paddings(layer), value=int(value.reshape(-1)[0]))


def mirror_pad(layer: Layer) -> None:
    """Translate MIRROR_PAD, which repeats values beside an edge in reverse order."""
    mode = layer.options("MirrorPadOptions").Mode
    if mode not in (0, 1):
        raise ModelError(f"mode {mode} of MIRROR_PAD is neither REFLECT nor SYMMETRIC")
    chain = Chain(layer, layer.input(0))
    kind = ("reflect", "symmetric")[mode]
    pairs = paddings(layer)
    if len(pairs) != len(chain.shape):
        raise ModelError(f"paddings {pairs} do not fit shape {chain.shape}")
    for axis, (before, after) in enumerate(pairs):
        length = chain.shape[axis]
        if min(before, after) < 0 or max(before, after) > length - (1 - mode):
            raise ModelError(f"MIRROR_PAD by {before} and {after} of {length} values")
        chain.pick(axis, np.pad(np.arange(length), (before, after), kind).tolist())
    chain.end(layer.output)


def tile(layer: Layer) -> None:
    """Translate TILE, which repeats a tensor along its dimensions."""
    chain, times = Chain(layer, layer.input(0)), layer.integers(1)
    if len(times) != len(chain.shape) or min(times, default=1) < 1:
        raise ModelError(f"TILE {times} times does not fit shape {chain.shape}")
    for axis, count in enumerate(times):
        chain.pick(axis, list(range(chain.shape[axis])) * count)
    chain.end(layer.output)


def broadcast(layer: Layer) -> None:
    """Translate BROADCAST_TO."""
    chain, target = Chain(layer, layer.input(0)), layer.output.shape
    chain.reshape(*(1,) * (len(target) - len(chain.shape)), *chain.shape)
    for axis, length in enumerate(target):
        if chain.shape[axis] != length:
            chain.pick(axis, [0] * length)
    chain.end(layer.output)


def reverse(layer: Layer) -> None:
    """Translate REVERSE_V2."""
    chain = Chain(layer, layer.input(0))
    for axis in layer.integers(1):
        axis = layer.axis(axis, len(chain.shape))
        chain.pick(axis, list(range(chain.shape[axis]))[::-1])
    chain.end(layer.output)


def gather(layer: Layer) -> None:
    """Translate GATHER; indices are constant, or computed along any dimension."""
    options = layer.options("GatherOptions")
    if options.BatchDims:
        raise ModelError("GATHER with batch dimensions is not supported")
    chain = Chain(layer, layer.input(0))
    axis = layer.axis(options.Axis, len(chain.shape))
    source, positions = layer.input(0), layer.input(1)
    if positions.data is None or source.data is not None:
        at_positions(layer, source, positions, axis)
        return
    shape = (*source.shape[:axis], *positions.shape, *source.shape[axis + 1 :])
    chain.pick(axis, layer.integers(1)).end(layer.output, shape)


def pack(layer: Layer) -> None:
    """Translate PACK: each input gets a new dimension, along which all are joined."""
    options, output = layer.options("PackOptions"), layer.output
    axis = layer.axis(options.Axis, len(output.shape))
    if options.ValuesCount != len(layer.operator.inputs):
        raise ModelError(f"PACK has {len(layer.operator.inputs)} inputs")
    first = layer.input(0).shape
    layer.require_shape(output, (*first[:axis], options.ValuesCount, *first[axis:]))
    if options.ValuesCount == 1:
        Chain(layer, layer.input(0)).end(output, output.shape)
        return
    shape = (*output.shape[:axis], 1, *output.shape[axis + 1 :])
    parts = []
    for position in range(options.ValuesCount):
        source = layer.input(position)
        parts.append(layer.add(shape, source.quantization, dtype=source.dtype))
        layer.emit("RESHAPE", (source.name,), parts[-1])
    layer.emit("CONCATENATION", tuple(parts), axis=axis, activation="NONE")


def unpack(layer: Layer) -> None:
    """Translate UNPACK: an output for each index of one dimension, which disappears."""
    options, source = layer.options("UnpackOptions"), layer.input(0)
    axis = layer.axis(options.Axis, len(source.shape))
    if options.Num != source.shape[axis] or options.Num != len(layer.outputs):
        raise ModelError(f"UNPACK makes {len(layer.outputs)} of {source.shape[axis]}")
    shape = (*source.shape[:axis], *source.shape[axis + 1 :])
    for index, output in enumerate(layer.outputs):
        Chain(layer, source).pick(axis, [index]).end(output, shape)

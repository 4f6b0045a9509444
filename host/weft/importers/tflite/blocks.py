"""Operators that turn blocks of pixels into channels or images, and back."""

import math

from weft.errors import ModelError
from weft.importers.tflite.chain import Chain
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.moves import paddings

__all__ = ["batch_to_space", "depth_to_space", "space_to_batch", "space_to_depth"]


def _blocks(layer: Layer, kind: str) -> int:
    size = layer.options(kind).BlockSize
    if size < 1 or len(layer.input(0).shape) != 4:
        raise ModelError(f"{layer.kind} with blocks of {size} does not fit its input")
    return size


def depth_to_space(layer: Layer) -> None:
    """Translate DEPTH_TO_SPACE: channels become blocks of pixels."""
    size, (batch, height, width, depth) = _blocks(layer, "DepthToSpaceOptions"), _image(layer)
    rest = depth // (size * size)
    chain = Chain(layer, layer.input(0)).reshape(batch, height, width, size, size, rest)
    chain.then("TRANSPOSE", (batch, height, size, width, size, rest), permutation=_SWAP)
    chain.end(layer.output, (batch, height * size, width * size, rest))


def space_to_depth(layer: Layer) -> None:
    """Translate SPACE_TO_DEPTH: blocks of pixels become channels."""
    size, (batch, height, width, depth) = _blocks(layer, "SpaceToDepthOptions"), _image(layer)
    rows, columns = height // size, width // size
    chain = Chain(layer, layer.input(0)).reshape(batch, rows, size, columns, size, depth)
    chain.then("TRANSPOSE", (batch, rows, columns, size, size, depth), permutation=_SWAP)
    chain.end(layer.output, (batch, rows, columns, size * size * depth))


_SWAP = (0, 1, 3, 2, 4, 5)


def _image(layer: Layer) -> tuple[int, int, int, int]:
    batch, height, width, depth = layer.input(0).shape
    return batch, height, width, depth


def _sides(layer: Layer) -> tuple[int, ...]:
    """Return the sizes of a block, one for each dimension behind the first."""
    blocks = layer.integers(1)
    if not 1 <= len(blocks) <= len(layer.input(0).shape) - 1 or min(blocks) < 1:
        raise ModelError(f"{layer.kind} with blocks of {blocks} does not fit its input")
    return blocks


def _pairs(layer: Layer, blocks: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    pairs = paddings(layer, 2)
    if len(pairs) != len(blocks) or min(map(min, pairs)) < 0:
        raise ModelError(f"{layer.kind} with {pairs} around blocks of {blocks}")
    return pairs


def space_to_batch(layer: Layer) -> None:
    """Translate SPACE_TO_BATCH_ND: each place in a block gets an image of its own.

    A convolution between this and its inverse is one with a dilation.
    """
    blocks = _sides(layer)
    count, pairs, chain = len(blocks), _pairs(layer, blocks), Chain(layer, layer.input(0))
    images, rest = chain.shape[0], chain.shape[1 + count :]
    sides = [s + sum(p) for s, p in zip(chain.shape[1 : 1 + count], pairs, strict=True)]
    if any(side % block for side, block in zip(sides, blocks, strict=True)):
        raise ModelError(f"{layer.kind} with blocks of {blocks} does not fit sides of {sides}")
    if any(map(any, pairs)):
        around = ((0, 0), *pairs, *((0, 0) for _ in rest))
        chain.then("PAD", (images, *sides, *rest), paddings=around)
    split = [n for side, block in zip(sides, blocks, strict=True) for n in (side // block, block)]
    chain.reshape(images, *split, *rest)
    places, between = range(2, 2 * count + 1, 2), range(1, 2 * count + 1, 2)
    last = range(2 * count + 1, 2 * count + 1 + len(rest))
    order = (*places, 0, *between, *last)
    chain.then("TRANSPOSE", [chain.shape[i] for i in order], permutation=order)
    parts = [side // block for side, block in zip(sides, blocks, strict=True)]
    chain.end(layer.output, (math.prod(blocks) * images, *parts, *rest))


def batch_to_space(layer: Layer) -> None:
    """Translate BATCH_TO_SPACE_ND: images become blocks of pixels, of which edges are cut."""
    blocks = _sides(layer)
    count, pairs, chain = len(blocks), _pairs(layer, blocks), Chain(layer, layer.input(0))
    images, *shape = chain.shape
    if images % math.prod(blocks):
        raise ModelError(f"{layer.kind} with blocks of {blocks} does not fit {images} images")
    images, sides, rest = images // math.prod(blocks), shape[:count], shape[count:]
    chain.reshape(*blocks, images, *sides, *rest)
    mixed = [axis for i in range(count) for axis in (count + 1 + i, i)]
    order = (count, *mixed, *range(2 * count + 1, 2 * count + 1 + len(rest)))
    chain.then("TRANSPOSE", [chain.shape[i] for i in order], permutation=order)
    whole = [side * block for side, block in zip(sides, blocks, strict=True)]
    chain.reshape(images, *whole, *rest)
    for axis, (length, (before, after)) in enumerate(zip(whole, pairs, strict=True), 1):
        chain.pick(axis, range(before, length - after))
    chain.end(layer.output)

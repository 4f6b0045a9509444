"""Operators that take parts of a tensor."""

from weft.errors import ModelError
from weft.importers.tflite.chain import Chain
from weft.importers.tflite.layer import Layer
from weft.importers.tflite.table import Options
from weft.importers.tflite.tensors import RawTensor

__all__ = ["slice_", "split", "split_into", "strided"]


def slice_(layer: Layer) -> None:
    """Translate SLICE; a size of -1 reaches to the end."""
    chain, begin, size = Chain(layer, layer.input(0)), layer.integers(1), layer.integers(2)
    if not len(begin) == len(size) == len(chain.shape):
        raise ModelError(f"a slice of {size} from {begin} on does not fit shape {chain.shape}")
    for axis, (first, count) in enumerate(zip(begin, size, strict=True)):
        count = chain.shape[axis] - first if count == -1 else count
        chain.pick(axis, range(first, first + count))
    chain.end(layer.output)


def strided(layer: Layer) -> None:
    """Translate STRIDED_SLICE with constant bounds; the output's shape has its new dimensions."""
    options, source = layer.options("StridedSliceOptions"), layer.input(0)
    if options.Offset:
        raise ModelError("STRIDED_SLICE with an offset is not supported")
    begin, end, stride = (layer.integers(position) for position in (1, 2, 3))
    axes = _sliced_axes(len(begin), len(source.shape), options.EllipsisMask, options.NewAxisMask)
    if axes is None or not len(begin) == len(end) == len(stride) or 0 in stride:
        raise ModelError(f"a slice of {begin} to {end} by {stride} does not fit {source.shape}")
    chain, masks = Chain(layer, source), (options.BeginMask, options.EndMask)
    for place, axis in axes.items():
        first, last, step = begin[place], end[place], stride[place]
        length = source.shape[axis]
        if masks[0] >> place & 1:
            first = 0 if step > 0 else length - 1
        if options.ShrinkAxisMask >> place & 1:
            chain.pick(axis, [first + length if first < 0 else first])
            continue
        part = slice(first, None if masks[1] >> place & 1 else last, step)
        chain.pick(axis, range(*part.indices(length)))
    shape = _sliced_shape(len(begin), chain.shape, axes, options)
    chain.end(layer.output, shape)


def _sliced_shape(
    count: int, sizes: tuple[int, ...], axes: dict[int, int], options: Options
) -> list[int]:
    """Return ``sizes`` without dimensions that shrink, and with new ones."""
    shape, left = [], [axis for axis in range(len(sizes)) if axis not in axes.values()]
    for place in range(count):
        if options.EllipsisMask >> place & 1:
            shape += [sizes[axis] for axis in left]
            left = []
        elif options.NewAxisMask >> place & 1:
            shape.append(1)
        elif not options.ShrinkAxisMask >> place & 1:
            shape.append(sizes[axes[place]])
    return shape + [sizes[axis] for axis in left]


def _sliced_axes(count: int, rank: int, ellipsis: int, new: int) -> dict[int, int] | None:
    """Return the dimension that each of ``count`` bounds means, None where they do not fit.

    The bound that bits of ``ellipsis`` name stands for all that the others leave; one of ``new``
    makes a dimension of 1.
    """
    gaps = [place for place in range(count) if ellipsis >> place & 1]
    real = [place for place in range(count) if not (ellipsis | new) >> place & 1]
    if len(gaps) > 1 or len(real) > rank:
        return None
    behind = [place for place in real if gaps and place > gaps[0]]
    front = [place for place in real if place not in behind]
    return {place: axis for axis, place in enumerate(front)} | {
        place: axis for axis, place in enumerate(behind, rank - len(behind))
    }


def split(layer: Layer) -> None:
    """Translate SPLIT into equal parts; the axis is the first operand."""
    source, count = layer.input(1), layer.options("SplitOptions").NumSplits
    axis = layer.axis(layer.integers(0)[0], len(source.shape))
    if count < 1 or source.shape[axis] % count:
        raise ModelError(f"SPLIT cannot make {count} parts of {source.shape[axis]}")
    _split(layer, source, axis, (source.shape[axis] // count,) * count)


def split_into(layer: Layer) -> None:
    """Translate SPLIT_V; one size may be -1 for what is left."""
    source, sizes = layer.input(0), list(layer.integers(1))
    axis = layer.axis(layer.integers(2)[0], len(source.shape))
    if layer.options("SplitVOptions").NumSplits != len(sizes):
        raise ModelError(f"SPLIT_V has {len(sizes)} sizes")
    if sizes.count(-1) == 1:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(sizes) - 1
    _split(layer, source, axis, tuple(sizes))


def _split(layer: Layer, source: RawTensor, axis: int, sizes: tuple[int, ...]) -> None:
    if len(sizes) != len(layer.outputs) or sum(sizes) != source.shape[axis] or min(sizes) < 1:
        raise ModelError(f"{layer.kind} of {source.shape[axis]} into {sizes} does not fit")
    first = 0
    for size, output in zip(sizes, layer.outputs, strict=True):
        Chain(layer, source).pick(axis, range(first, first + size)).end(output)
        first += size

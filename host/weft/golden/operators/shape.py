"""Operators that move values without changing them, and concatenation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weft.errors import ModelError
from weft.golden import arithmetic as golden
from weft.golden.operators.context import Context
from weft.graph import Runtime

__all__ = [
    "arg_max",
    "concatenation",
    "gather",
    "gather_nd",
    "pad",
    "reshape",
    "resize",
    "resize_between",
    "select",
    "slice_tensor",
    "transpose",
]


def reshape(context: Context) -> NDArray[Any]:
    """Return the values in the output's shape."""
    return context.shaped(context.value(0))


def transpose(context: Context) -> NDArray[Any]:
    """Return the values with their dimensions in another order."""
    return np.ascontiguousarray(context.value(0).transpose(context.attributes["permutation"]))


def slice_tensor(context: Context) -> NDArray[Any]:
    """Return a part along every dimension but the batch."""
    begin, size = context.attributes["begin"], context.attributes["size"]
    part = tuple(slice(b, b + n) for b, n in zip(begin[1:], size[1:], strict=True))
    return np.ascontiguousarray(context.value(0)[(slice(None), *part)])


def gather(context: Context) -> NDArray[Any]:
    """Return values of one dimension in any order, each any number of times."""
    return context.value(0).take(context.attributes["indices"], context.attributes["axis"])


def gather_nd(context: Context) -> NDArray[Any]:
    """Return the parts of input 0 at positions of its first dimensions, which input 1 holds."""
    x, places, batch = context.value(0), context.value(1), context.attributes["batch_dims"]
    depth = places.shape[-1]
    sizes = x.shape[batch : batch + depth]
    if np.any((places < 0) | (places >= np.array(sizes))):
        raise ModelError(f"{context.node.name}: a position lies outside of {sizes}")
    front = np.indices(x.shape[:batch]).reshape(batch, *x.shape[:batch])
    rest = (1,) * (places.ndim - 1 - batch)
    images = [index.reshape(*index.shape, *rest) for index in front]
    return x[(*images, *(places[..., i] for i in range(depth)))]


def select(context: Context) -> NDArray[Any]:
    """Return values of the second input where the first one is true, else of the third."""
    return np.where(context.value(0), context.value(1), context.value(2))


def pad(context: Context) -> NDArray[Any]:
    """Return the values with zero points, or another value, around them."""
    value = context.attributes.get("value", context.zero_point(0))
    return golden.pad(context.value(0), context.attributes["paddings"], value)


def resize(context: Context) -> NDArray[Any]:
    """Return an image in another size."""
    height, width = context.output.shape[-3:-1]
    function = golden.resize_nearest
    if context.node.operator == "RESIZE_BILINEAR":
        unsigned = context.attributes.get("unsigned", False)
        function = golden.bilinear_float32 if unsigned else golden.bilinear_fixed_point
        if context.output.dtype == np.float32:
            function = golden.bilinear_litert
        elif context.graph.runtime == Runtime.XNNPACK:
            function = golden.bilinear_xnnpack
    return context.windows(
        lambda x: function(
            x,
            (height, width),
            align_corners=context.attributes["align_corners"],
            half_pixel_centers=context.attributes["half_pixel_centers"],
        )
    )


def resize_between(context: Context) -> NDArray[Any]:
    """Return what lies at the node's rows and columns of an image, with the output's step."""
    rows, columns = context.attributes["rows"], context.attributes["columns"]
    scale, zero_point = context.scale(0), context.zero_point(0)

    def between(x: NDArray[Any]) -> NDArray[Any]:
        real = golden.dequantize(x, scale=scale, zero_point=zero_point)
        return golden.quantize_even(
            golden.bilinear_between(real, rows, columns),
            scale=context.output_scale,
            zero_point=context.output_zero_point,
            dtype=context.output.dtype,
        )

    return context.windows(between)


def arg_max(context: Context) -> NDArray[Any]:
    """Return the index of the largest value (ARG_MAX), or of the least (ARG_MIN)."""
    return golden.arg_max(
        context.value(0),
        context.attributes["axis"],
        context.output.dtype,
        least=context.node.operator == "ARG_MIN",
        last=context.attributes.get("last", False),
    )


def concatenation(context: Context) -> NDArray[Any]:
    """Join tensors; each is requantised to the output's scale where it differs."""
    parts = []
    for index in range(len(context.node.inputs)):
        x = context.value(index)
        if context.output.dtype != np.int8:
            parts.append(x)
            continue
        scale, zero_point = context.output_scale, context.output_zero_point
        edge = (context.scale(index), context.zero_point(index))
        if edge != (scale, zero_point):
            table = golden.table_onnx(lambda real: real, edge, (scale, zero_point))
            x = golden.lookup(np.ascontiguousarray(x), table)
        parts.append(x)
    # A constant operand has the declared batch.
    batch = max(part.shape[0] for part in parts)
    parts = [np.repeat(p, batch // len(p), axis=0) if len(p) < batch else p for p in parts]
    return np.concatenate(parts, axis=context.attributes["axis"])

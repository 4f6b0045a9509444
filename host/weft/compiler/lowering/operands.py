"""The two operands of ADD, SUB and MUL, brought into one layout."""

from dataclasses import replace

import numpy as np

from weft.compiler.ir import Place, TooLarge, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.copies import spread
from weft.graph import Node, Tensor
from weft.program.layout import Layout, default_layout, feature_map

__all__ = ["place_operands"]

_CONSTANT_SHARE = 8  # of the activation memory that a constant operand may take

Shape = tuple[int, ...]


def place_operands(
    lowering: Lowering, index: int, node: Node, tensors: list[Tensor]
) -> tuple[Place, Place]:
    """Return where both operands lie, in the same layout.

    A constant one is put into memory. A smaller one is repeated along the sides that it lacks,
    and one that lies differently is copied.
    """
    shape = lowering.graph.tensors[node.outputs[0]].shape
    if len(shape) > 4:
        raise Unsupported("its operands have more than 4 dimensions")
    layout = _common_layout(lowering, tensors, shape)
    first, second = (_place(lowering, index, tensor, shape, layout) for tensor in tensors)
    return first, second


def _common_layout(lowering: Lowering, tensors: list[Tensor], shape: Shape) -> Layout:
    for tensor in tensors:
        if tensor.data is None and tensor.shape == shape:
            layout = lowering.place(tensor).layout
            if layout.whole and layout.fold is None:
                return layout
    config = lowering.config
    return default_layout(config, feature_map(shape), narrowest=config.lanes)


def _place(lowering: Lowering, index: int, tensor: Tensor, shape: Shape, layout: Layout) -> Place:
    lowering.zero_point(tensor)
    if tensor.data is not None:
        return _constant(lowering, index, tensor, shape, layout)
    place = lowering.place(tensor)
    if place.layout == layout:
        return place
    # Dimensions are counted from the last one, and the first one is the batch.
    missing = len(shape) - len(tensor.shape)
    if tensor.shape[0] != (1 if missing else shape[0]):
        raise Unsupported("its operands differ in their batch")
    size = feature_map((1,) * missing + tensor.shape)
    if size != (place.layout.height, place.layout.width, place.layout.channels):
        raise Unsupported("an operand lies differently in memory")
    return spread(lowering, index, place, layout)


def _constant(
    lowering: Lowering, index: int, tensor: Tensor, shape: Shape, layout: Layout
) -> Place:
    """Put a constant into memory: whole, or if that takes too much as small as it is."""
    data = np.asarray(tensor.data)
    room = lowering.config.activation_words // _CONSTANT_SHARE
    if layout.words <= room:
        values = layout.pack(np.broadcast_to(data, (1, *shape[1:])))
        return Place(lowering.constant_buffer(tensor.name, values), layout)
    data = data.reshape((1,) * (len(shape) - data.ndim) + data.shape)
    small = default_layout(
        lowering.config, feature_map(data.shape), narrowest=lowering.config.lanes
    )
    if small.words > room or data.shape[0] != 1:
        raise TooLarge("its constant operand would take too much activation memory")
    buffer = lowering.constant_buffer(tensor.name, small.pack(data))
    return spread(lowering, index, Place(buffer, replace(small)), layout)

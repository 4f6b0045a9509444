"""Copies of feature maps by a 1x1 window: padded, through a table, or repeated to a larger map."""

import numpy as np

from weft.compiler.ir import Buffer, Place
from weft.compiler.lowering.columns import emit_window
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.kernel import dense_entries, depthwise_entries
from weft.compiler.lowering.window import Sums, Window
from weft.program.layout import Layout

__all__ = ["copy", "spread"]


def copy(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    *,
    pad: tuple[int, int] = (0, 0),
    pad_value: int = 0,
    use_table: bool = False,
    outputs: tuple[str, ...] = (),
    stride: tuple[int, int] = (1, 1),
    before: int | None = None,
    at: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
) -> None:
    """Emit a 1x1 window that writes ``source`` into ``target``, through the table if asked.

    With a stride of 0 the window stays where it is: the only row or column is repeated. Where the
    target has more channels, those from ``before`` on are the source's and the others
    ``pad_value``; without ``before`` a single channel is repeated. ``size`` rows and columns from
    ``at`` on are written; without it, all that ``target`` has.
    """
    read, write, config = source.layout, target.layout, lowering.config
    channels = write.channels
    shift = read.first % config.columns
    depthwise = write.first >= shift and (write.first - shift) % config.lanes == 0
    # Behind the source's channels each column adds its pad value to nothing.
    depthwise &= shift <= config.lanes and (channels == read.channels or before == 0)
    window = Window(
        kernel=(1, 1),
        stride=stride,
        out_size=size or (write.height, write.width),
        top=pad[0],
        left=pad[1],
        pad_value=pad_value,
        target=at,
    )
    if depthwise:
        entries = depthwise_entries(config, read, (1, 1), (1, 1))
        weights = (np.arange(channels)[:, None] < read.channels).astype(np.int8)
    else:
        entries = dense_entries(config, read, (1, 1), (1, 1), times=window.times(config))
        weights = np.ones((channels, 1), np.int8)
        if channels == read.channels or before is not None:
            weights = np.eye(channels, read.channels, -(before or 0), dtype=np.int8)
    sums = Sums(
        entries=entries,
        weights=weights,
        bias=np.where(weights.any(axis=1), 0, pad_value),
        multipliers=Sums.identity(channels),
        zero_point=0,
        low=-128,
        high=127,
        depthwise=depthwise,
    )
    emit_window(lowering, index, source, target, window, sums, outputs=outputs, use_table=use_table)


def spread(lowering: Lowering, index: int, source: Place, layout: Layout) -> Place:
    """Emit what repeats ``source`` along each side that it has once; return the larger map.

    Each side of ``source`` is 1 or that of ``layout``.
    """
    read = source.layout
    target = Place(Buffer(f"{source.buffer.name} repeated", layout.words), layout)
    stride = (int(read.height == layout.height), int(read.width == layout.width))
    copy(lowering, index, source, target, stride=stride)
    return target

"""One window over all of a feature map, whose pixels may be seen in rows of another width."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from weft_hw.contract.config import Config

from weft.compiler.ir import FURTHEST, Entry, Place, TooLarge
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.mac import check_line_room, mac_command
from weft.compiler.lowering.window import Sums, Window
from weft.program.layout import Layout

__all__ = ["emit_whole"]

_SLICE = 8  # words of channels at a time: their weights, all equal, come once


def emit_whole(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    sums: Sums,
    entries: Callable[[Config, Layout, tuple[int, int], tuple[int, int]], list[Entry]],
    *,
    pad_value: int,
) -> None:
    """Emit one window over all pixels, whose taps of a channel have equal weights.

    Where the line buffers cannot hold the map as it is, its pixels go in other rows; where they
    cannot hold it at all, each pixel is a row, and some channels go after the other.

    Parameters
    ----------
    entries : callable
        Makes the window program of a layout, kernel and dilation.

    Raises
    ------
    TooLarge
        If the line buffers are too small for either.
    """
    config, node = lowering.config, lowering.graph.nodes[index]

    def emit(layout: Layout, to: Layout, part: Sums, offset: int = 0, gap: int = 0) -> None:
        kernel = (layout.height, layout.width)
        made = replace(part, entries=entries(config, layout, kernel, (1, 1)))
        window = Window(kernel=kernel, stride=(1, 1), out_size=(1, 1), pad_value=pad_value)
        read, write = Place(source.buffer, layout), Place(target.buffer, to)
        lowering.emit(
            mac_command(lowering, index, read, write, window, made, offset=offset, gap=gap)
        )

    view = next(_views(config, source.layout), None)
    if view is not None:
        emit(view, target.layout, sums)
    else:
        column, words = _column(config, source.layout)
        pixel, first = column.row_words, column.first
        edges = [*range(first // config.columns, pixel, words), pixel]
        for begin, end in pairwise(edges):
            low = max(first, begin * config.columns)
            high = min(first + column.channels, end * config.columns)
            layout = replace(
                column,
                channels=high - low,
                first=low - begin * config.columns,
                pixel_bytes=(end - begin) * config.columns,
                row_words=end - begin,
            )
            some = slice(low - first, high - first)
            to = target.layout.slice(low - first, high - low)
            emit(layout, to, sums.some(some), begin, pixel - (end - begin))
            if high == first + column.channels:
                break
    lowering.commands[-1].outputs = node.outputs


def _views(config: Config, read: Layout) -> Iterator[Layout]:
    """Yield the map as it is, and in rows of other widths, if the line buffers hold all rows."""
    total = read.height * read.width
    widths = [w for w in range(min(total, FURTHEST), 0, -1) if total % w == 0]
    for width in (read.width, *widths):
        height = total // width
        view = read if width == read.width else read.reshaped(height, width, read.channels)
        if view is None or (view is not read and height > FURTHEST):
            continue
        try:
            check_line_room(config, row_words=view.row_words, rows=height)
        except TooLarge:
            continue
        yield view


def _column(config: Config, read: Layout) -> tuple[Layout, int]:
    """Return the map as one column, and how many words of a pixel go at a time."""
    total = read.height * read.width
    column = read.reshaped(total, 1, read.channels)
    words = config.line_banks * config.line_words // total
    if column is None or total > FURTHEST or not words or config.compact:
        check_line_room(config, row_words=read.row_words, rows=read.height)
        raise TooLarge(f"its window has {total} pixels, which the line buffers cannot hold")
    return column, min(_SLICE, 1 << words.bit_length() - 1)

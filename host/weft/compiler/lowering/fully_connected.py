"""FULLY_CONNECTED: one window over a whole tensor, whose words are viewed as an image."""

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.ir import FURTHEST, Entry, Place, TooLarge, Unsupported, rows_read
from weft.compiler.lowering.columns import emit_window
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.convolution import linear_sums, weights_and_bias
from weft.compiler.lowering.kernel import dense_entries, fetch_times
from weft.compiler.lowering.mac import check_line_room, mac_command
from weft.compiler.lowering.own_weights import share_among_pixels, window_count
from weft.compiler.lowering.window import Window
from weft.golden import run as reference
from weft.program.layout import Layout

__all__ = ["lower_fully_connected"]


def lower_fully_connected(lowering: Lowering, index: int) -> None:
    """Lower FULLY_CONNECTED over a flattened tensor, or pixel by pixel over its channels."""
    node, config = lowering.graph.nodes[index], lowering.config
    source = lowering.place(lowering.tensor(node, 0))
    weights, bias = weights_and_bias(lowering, node)
    stage = reference.output_stage(lowering.graph, node)
    layout, features = source.layout, weights.shape[1]
    zero_point = lowering.zero_point(lowering.tensor(node, 0))
    target = lowering.target(node)
    size = (target.layout.height, target.layout.width)
    if layout.height * layout.width * layout.channels == features:
        if size != (1, 1):
            raise Unsupported(f"its output is a map of {size[0]}x{size[1]} pixels")
        view, entries = word_image(config, layout, len(weights))
        source.buffer.words = max(source.buffer.words, view.words)
        source = Place(source.buffer, view)
        kernel = (view.height, 1)
    elif layout.channels == features and size == (layout.height, layout.width):
        times = fetch_times(config, 1, size[0])
        entries = dense_entries(config, layout, (1, 1), (1, 1), times=times)
        kernel = (1, 1)
    else:
        raise Unsupported(
            f"{features} inputs do not match a map of {layout.height}x"
            f"{layout.width}x{layout.channels}"
        )
    sums = linear_sums(stage, zero_point, weights, bias, entries=entries)
    window = Window(kernel=kernel, stride=(1, 1), out_size=size, pad_value=zero_point)
    macs = weights.size * size[0] * size[1]
    if size != (1, 1):
        emit_window(lowering, index, source, target, window, sums, macs=macs, outputs=node.outputs)
        return
    command = mac_command(lowering, index, source, target, window, sums)
    command = share_among_pixels(config, command, target.layout)
    command.macs, command.outputs = macs, node.outputs
    lowering.emit(command)


def word_image(config: Config, layout: Layout, outputs: int) -> tuple[Layout, list[Entry]]:
    """Return a tensor's words as an image, and entries that cover every feature once.

    A piece of ``tap_rows`` x ``tap_columns`` words takes ``columns`` steps with all rows of the
    array busy, a word by itself ``columns / channel_rows`` steps. The width is the one that takes
    the fewest cycles, the way to the line buffers of the rows that the first entry waits for
    included, then the fewest weights. Features are indexed in the order (y, x, channel).
    """
    features = np.full((layout.words, config.columns), -1)
    features.reshape(-1)[layout.indices()] = np.arange(
        layout.height * layout.width * layout.channels
    ).reshape(layout.height, layout.width, layout.channels)
    best: tuple[tuple[int, int, int], int, list[Entry]] | None = None
    windows = window_count(config, outputs)
    own = config.own_weights and outputs > config.columns
    # Words are rows where each entry waits for its own: so a layer like this one writes them.
    widths = [*([1] if own else []), *range(config.tap_columns, FURTHEST + 1, config.tap_columns)]
    for width in widths:
        if width >= layout.words + config.tap_columns and best is not None:
            break
        height = -(-layout.words // width)
        try:
            check_line_room(config, row_words=width, rows=height)
        except TooLarge:
            continue
        if height > FURTHEST:
            continue
        entries = _cover(config, features, width, height)
        cycles = windows * sum(max(len(e.taps), e.columns) for e in entries)
        waits = min(height, rows_read(config, entries[0])) if own else height
        cycles += waits * (-(-width // config.fill_words) + 1) + entries[0].columns
        rank = (cycles, sum(len(e.taps) for e in entries), len(entries))
        if best is None or rank < best[0]:
            best = rank, width, entries
    if best is None:
        available = config.line_banks * config.line_words * config.columns
        raise TooLarge(
            f"its input takes {layout.words * config.columns} bytes of line buffer "
            f"(available: {available})"
        )
    _, width, entries = best
    view = Layout(
        height=-(-layout.words // width),
        width=width,
        channels=config.columns,
        columns=config.columns,
        packing=0,
        pixel_bytes=config.columns,
        row_words=width,
    )
    return view, entries


def _cover(config: Config, features: NDArray[np.int64], width: int, height: int) -> list[Entry]:
    """Return the entries for one width of the image; every word belongs to one piece."""
    image = np.full((-(-height // config.tap_rows) * config.tap_rows, width, config.columns), -1)
    image.reshape(-1, config.columns)[: len(features)] = features
    entries = []
    for y in range(0, height, config.tap_rows):
        for x in range(0, width, config.tap_columns):
            piece = image[y : y + config.tap_rows, x : x + config.tap_columns]
            used = [(i, j) for i, j in np.ndindex(piece.shape[:2]) if (piece[i, j] >= 0).any()]
            if not used:
                continue
            single = [_by_channels(config, y + i, x + j, piece[i, j]) for i, j in used]
            if width < config.tap_columns:  # a row for each word, to be waited for alone
                entries += single
                continue
            together = _by_taps(config, y, x, piece)
            alone = [len(e.taps) for e in single]
            whole = max(len(together.taps), config.tap_columns)
            if (whole, len(together.taps)) <= (sum(alone), sum(len(e.taps) for e in single)):
                entries.append(together)
            else:
                entries += single
    return entries


def _by_taps(config: Config, y: int, x: int, piece: NDArray[np.int64]) -> Entry:
    steps = int(np.flatnonzero((piece >= 0).any(axis=(0, 1)))[-1]) + 1
    # Array row i * tap_columns + k takes the column that was fetched k before the newest.
    taps = piece[:, ::-1, :steps].reshape(config.rows, steps).T
    return Entry(y, x, x, config.tap_columns, False, np.ascontiguousarray(taps))


def _by_channels(config: Config, y: int, x: int, word: NDArray[np.int64]) -> Entry:
    feed = config.channel_rows
    steps = int(np.flatnonzero(word >= 0)[-1]) // feed + 1
    taps = np.full((steps, config.rows), -1)
    taps[:, :feed] = word[: steps * feed].reshape(steps, feed)
    return Entry(y, x, x, 1, True, taps)

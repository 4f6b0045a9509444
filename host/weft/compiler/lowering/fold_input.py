"""First layers: the host sends the input with a window's taps as channels where that is faster."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.ir import Buffer, Place, TooLarge
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.kernel import dense_entries
from weft.compiler.lowering.mac import check_line_room
from weft.compiler.lowering.window import Window
from weft.graph import Tensor
from weft.program.layout import Fold, Layout, default_layout, feature_map

__all__ = ["fold_input"]

_GAIN = 0.75  # folding must save a quarter of the cycles
_SHARE = 4  # and take at most this part of the activation memory,
_GROWTH = 1.1  # or this much more than the tensor takes as it is


def fold_input(
    lowering: Lowering, index: int, tensor: Tensor, weights: NDArray[np.integer], window: Window
) -> tuple[Place, NDArray[np.integer], Window] | None:
    """Return a folded input with the weights and window for it, or None.

    Taps of a kernel row become channels, and where the vertical stride allows, those of several
    rows: a 10x4 kernel with stride 2 on one channel becomes a 5x1 kernel with stride 1 on eight.
    Only a tensor that the host sends, and that nothing else reads, can be folded.

    Parameters
    ----------
    weights : ndarray, integers, shape (out, kernel_h, kernel_w, channels)
    """
    if not _is_free(lowering, index, tensor):
        return None
    config, size = lowering.config, feature_map(tensor.shape)
    plain = default_layout(config, size, narrowest=1)
    best = _GAIN * _cycles(config, plain, window)
    most = max(config.activation_words // _SHARE, plain.words * _GROWTH)
    found = None
    for fold, folded, width in _candidates(size, window):
        height = (window.out_size[0] - 1) * folded.stride[0] + folded.span
        layout = default_layout(
            config, (height, width, fold.rows * fold.kernel * size[2]), narrowest=1
        )
        if layout.words > most or not _fits(config, layout, folded):
            continue
        cycles = _cycles(config, layout, folded)
        if cycles <= best:
            best, found = cycles, (replace(layout, fold=fold), fold, folded)
    if found is None:
        return None
    layout, fold, folded = found
    place = Place(Buffer(tensor.name, layout.words), layout)
    lowering.places[tensor.name] = place
    return place, _fold_weights(weights, fold, folded), folded


def _candidates(size: tuple[int, int, int], window: Window) -> Iterator[tuple[Fold, Window, int]]:
    """Yield foldings, the window over each folded map, and that map's width.

    Vertically, ``rows`` rows become one where that divides the stride; horizontally, all taps of
    the kernel, or as many columns as the stride, or none.
    """
    (kernel_h, kernel_w), (stride_y, stride_x) = window.kernel, window.stride
    (dilation_y, dilation_x), out_width = window.dilation, window.out_size[1]
    across = [
        # taps in a column, stride, dilation, padding; then the window's kernel, stride, dilation
        # and padding, and the width
        ((kernel_w, stride_x, dilation_x, window.left), (1, 1, 1, 0), out_width),
        ((1, 1, 1, 0), (kernel_w, stride_x, dilation_x, window.left), size[1]),
    ]
    if stride_x > 1 and dilation_x == 1:
        taps = -(-kernel_w // stride_x)
        across.append(((stride_x, stride_x, 1, window.left), (taps, 1, 1, 0), out_width + taps - 1))
    for rows in range(1, stride_y + 1):
        if stride_y % rows or (rows > 1 and dilation_y > 1):
            continue
        for (taps, stride, dilation, left), after, width in across:
            if rows == taps == 1:
                continue
            fold = Fold(
                height=size[0],
                width=size[1],
                channels=size[2],
                rows=rows,
                kernel=taps,
                stride=stride,
                dilation=dilation,
                top=window.top,
                left=left,
                fill=window.pad_value,
            )
            yield (
                fold,
                replace(
                    window,
                    kernel=(-(-kernel_h // rows), after[0]),
                    stride=(stride_y // rows, after[1]),
                    dilation=(dilation_y, after[2]),
                    top=0,
                    left=after[3],
                ),
                width,
            )


def _is_free(lowering: Lowering, index: int, tensor: Tensor) -> bool:
    """Whether the host sends ``tensor`` for node ``index`` alone."""
    producer = lowering.graph.writing.get(tensor.name)
    sent = producer is None or producer in lowering.host
    readers = [i for i in lowering.graph.reading.get(tensor.name, ()) if i not in lowering.host]
    return sent and tensor.name not in lowering.places and readers == [index]


def _fits(config: Config, layout: Layout, window: Window) -> bool:
    rows = window.span + (config.pixels - 1) * window.stride[0]
    try:
        check_line_room(config, row_words=layout.row_words, rows=min(rows, layout.height))
    except TooLarge:
        return False
    return True


def _cycles(config: Config, layout: Layout, window: Window) -> int:
    """Return the cycles of one window: steps, or columns of taps that are fetched again."""
    times = window.times(config)
    entries = dense_entries(
        config, layout, window.kernel, window.dilation, times=times, slide=window.slide
    )
    sliding = len(entries) == 1 and not entries[0].channels and window.dilation[1] == 1
    return sum(
        max(
            len(e.taps),
            times[e.channels] * (min(e.columns, window.stride[1]) if sliding else e.columns),
        )
        for e in entries
    )


def _fold_weights(weights: NDArray[np.integer], fold: Fold, folded: Window) -> NDArray[np.integer]:
    """Return weights (out, kernel_h, kernel_w, channels) of the folded window."""
    out, kernel_h, kernel_w, channels = weights.shape
    height, width = folded.kernel
    missing = (height * fold.rows - kernel_h, width * fold.kernel - kernel_w)
    padded = np.pad(weights, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0)))
    split = padded.reshape(out, height, fold.rows, width, fold.kernel, channels)
    return split.transpose(0, 1, 3, 2, 4, 5).reshape(out, height, width, -1)

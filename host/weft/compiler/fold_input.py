"""First layers: the host sends the input with a window's taps as channels where that is faster."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.context import Lowering
from weft.compiler.ir import Buffer, Place, TooLarge
from weft.compiler.kernel import dense_entries
from weft.compiler.mac import Window, check_line_room
from weft.graph import Tensor
from weft.layout import Fold, Layout, default_layout, feature_map

__all__ = ["fold_input"]

_GAIN = 0.75  # folding must save a quarter of the cycles
_SHARE = 4  # and take at most this part of the activation memory


def fold_input(
    lowering: Lowering, index: int, tensor: Tensor, weights: NDArray[np.int8], window: Window
) -> tuple[Place, NDArray[np.int8], Window] | None:
    """Return a folded input with the weights and window for it, or None.

    All taps of a kernel row become channels, and where the vertical stride allows, those of
    several rows: a 10x4 kernel with stride 2 on one channel becomes a 5x1 kernel with stride 1
    on eight. Only a tensor that the host sends, and that nothing else reads, can be folded.

    Parameters
    ----------
    weights : ndarray, int8, shape (out, kernel_h, kernel_w, channels)
    """
    if not _is_free(lowering, index, tensor):
        return None
    config, size = lowering.config, feature_map(tensor.shape)
    plain = default_layout(config, size, narrowest=1)
    best = _GAIN * _cycles(config, plain, window)
    found = None
    (kernel_h, kernel_w), (stride_y, stride_x) = window.kernel, window.stride
    for rows in range(1, stride_y + 1):
        if stride_y % rows or (rows > 1 and window.dilation[0] > 1):
            continue
        fold = Fold(
            height=size[0], width=size[1], channels=size[2], rows=rows, kernel=kernel_w,
            stride=stride_x, dilation=window.dilation[1], top=window.top, left=window.left,
            fill=window.pad_value,
        )  # fmt: skip
        folded = replace(
            window, kernel=(-(-kernel_h // rows), 1), stride=(stride_y // rows, 1), top=0, left=0)
        height = (window.out_size[0] - 1) * folded.stride[0] + folded.span
        layout = default_layout(
            config, (height, window.out_size[1], rows * kernel_w * size[2]), narrowest=1)
        if layout.words > config.activation_words // _SHARE or not _fits(config, layout, folded):
            continue
        cycles = _cycles(config, layout, folded)
        if cycles <= best:
            best, found = cycles, (replace(layout, fold=fold), folded, rows)
    if found is None:
        return None
    layout, folded, rows = found
    place = Place(Buffer(tensor.name, layout.words), layout)
    lowering.places[tensor.name] = place
    return place, _fold_weights(weights, rows), folded


def _is_free(lowering: Lowering, index: int, tensor: Tensor) -> bool:
    """Whether the host sends ``tensor`` for node ``index`` alone."""
    graph = lowering.graph
    producer = graph.producer(tensor.name)
    sent = producer is None or any(graph.nodes[i] is producer for i in lowering.host)
    readers = [
        i for i, node in enumerate(graph.nodes)
        if tensor.name in node.inputs and i not in lowering.host
    ]  # fmt: skip
    return sent and tensor.name not in lowering.places and readers == [index]


def _fits(config: Config, layout: Layout, window: Window) -> bool:
    rows = window.span + (config.pixels - 1) * window.stride[0]
    try:
        check_line_room(config, row_words=layout.row_words, rows=min(rows, layout.height))
    except TooLarge:
        return False
    return True


def _cycles(config: Config, layout: Layout, window: Window) -> int:
    """Return the cycles of one window: steps, or columns of taps that are fetched anew."""
    times = window.times(config)
    entries = dense_entries(config, layout, window.kernel, window.dilation, times=times)
    sliding = len(entries) == 1 and not entries[0].channels and window.dilation[1] == 1
    return sum(
        max(len(e.taps), times[e.channels] * (
            min(e.columns, window.stride[1]) if sliding else e.columns)) for e in entries)


def _fold_weights(weights: NDArray[np.int8], rows: int) -> NDArray[np.int8]:
    """Return weights (out, kernel_h / rows, 1, rows * kernel_w * channels)."""
    out, kernel_h = weights.shape[:2]
    missing = -kernel_h % rows
    padded = np.pad(weights, ((0, 0), (0, missing), (0, 0), (0, 0)))
    return padded.reshape(out, (kernel_h + missing) // rows, 1, -1)

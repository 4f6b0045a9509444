"""Window programs: in which order a kernel's taps and channels enter the array."""

from collections.abc import Iterator
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config

from weft.compiler.ir import Entry
from weft.program.layout import Layout

__all__ = [
    "dense_entries",
    "depthwise_entries",
    "fetch_times",
    "lay_out_weights",
    "maximum_entries",
    "pair_products",
]

Pair = tuple[int, int]
Int64 = NDArray[np.int64]


def _pieces(config: Config, kernel: Pair, dilation: Pair) -> Iterator[tuple[int, int, int, int]]:
    """Yield (y, x, rows, columns) of the pieces that the window former holds at once.

    Rows of a piece are read in the same cycle, so they must lie in different line buffers.
    """
    banks = config.line_banks
    height = min(config.tap_rows, banks // gcd(dilation[0], banks))
    for y in range(0, kernel[0], height):
        for x in range(0, kernel[1], config.tap_columns):
            yield y, x, min(height, kernel[0] - y), min(config.tap_columns, kernel[1] - x)


def _tap_row(config: Config, columns: int, i: int, j: int) -> int:
    """Row of the array that tap column ``j`` of tap row ``i`` enters: newest column first."""
    return i * config.tap_columns + columns - 1 - j


def channel_words(layout: Layout) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Yield each word of a pixel: its unit, and which channel each byte holds (-1: none)."""
    size = layout.unit_bytes
    for unit in range(layout.first // size, -(-(layout.first + layout.channels) // size)):
        channels = np.arange(unit * size, unit * size + size) - layout.first
        inside = (channels >= 0) & (channels < layout.channels)
        channels = np.where(inside, channels, -1)
        yield unit, channels[: int(np.flatnonzero(inside)[-1]) + 1]


def fetch_times(config: Config, stride_y: int, out_height: int) -> Pair:
    """Return in how many cycles a column of taps, and a word for a channel feed, is fetched.

    Taps are fetched pixel by pixel; the words of a channel feed for all pixels at once, if their
    rows lie in different line buffers. Pixels below the last output row are skipped.
    """
    pixels = min(config.pixels, out_height)
    return pixels, 1 if stride_y % 2 else pixels


@lru_cache(16)  # a network has many layers of the same geometry
def dense_entries(
    config: Config, layout: Layout, kernel: Pair, dilation: Pair, *, times: Pair, slide: int = 0
) -> list[Entry]:
    """Return the entries of an ordinary convolution; weights are indexed (y, x, channel).

    Each piece of the kernel goes by taps of one channel or by channels of one tap, whichever
    takes fewer cycles, fetching included (``times``: see :func:`fetch_times`). A window that is a
    single piece, and moves by ``slide`` columns, fetches no others again; 0 where it does not move.
    The list is shared and must stay as it is.
    """
    entries: list[Entry] = []
    pieces, words = list(_pieces(config, kernel, dilation)), list(channel_words(layout))
    slides = slide > 0 and len(pieces) == len(words) == 1 and dilation[1] == 1
    for piece in pieces:
        for unit, channels in words:
            _, _, rows, columns = piece
            feed = config.channel_rows
            slices = -(-len(channels) // feed)
            by_taps = max(len(channels), (min(columns, slide) if slides else columns) * times[0])
            by_channels = rows * columns * max(slices, times[1])
            make = _by_taps if by_taps <= by_channels else _by_channels
            entries += make(config, layout, kernel, dilation, piece, unit, channels)
    return entries


def _by_taps(
    config: Config,
    layout: Layout,
    kernel: Pair,
    dilation: Pair,
    piece: tuple[int, int, int, int],
    unit: int,
    channels: NDArray[np.int64],
) -> list[Entry]:
    y, x, rows, columns = piece
    taps = np.full((len(channels), config.rows), -1)
    for i in range(rows):
        for j in range(columns):
            tap = ((y + i) * kernel[1] + x + j) * layout.channels
            taps[:, _tap_row(config, columns, i, j)] = np.where(channels < 0, -1, tap + channels)
    dx = x * dilation[1]
    offset = dx * layout.pixel_units + unit
    return [Entry(y * dilation[0], dx, offset, columns, False, taps)]


def _by_channels(
    config: Config,
    layout: Layout,
    kernel: Pair,
    dilation: Pair,
    piece: tuple[int, int, int, int],
    unit: int,
    channels: NDArray[np.int64],
) -> list[Entry]:
    entries, feed = [], config.channel_rows
    steps = -(-len(channels) // feed)
    padded = np.full(steps * feed, -1)
    padded[: len(channels)] = channels
    for i in range(piece[0], piece[0] + piece[2]):
        for j in range(piece[1], piece[1] + piece[3]):
            taps = np.full((steps, config.rows), -1)
            tap = (i * kernel[1] + j) * layout.channels
            taps[:, :feed] = np.where(padded < 0, -1, tap + padded).reshape(steps, feed)
            dx = j * dilation[1]
            offset = dx * layout.pixel_units + unit
            entries.append(Entry(i * dilation[0], dx, offset, 1, True, taps))
    return entries


def depthwise_entries(config: Config, layout: Layout, kernel: Pair, dilation: Pair) -> list[Entry]:
    """Return the entries of a depthwise convolution; weights are indexed (y, x).

    Where rows are paired, one of each pair enters in a first step and the other in a second.
    """
    entries = []
    for y, x, rows, columns in _pieces(config, kernel, dilation):
        taps = np.full((1, config.rows), -1)
        for i in range(rows):
            for j in range(columns):
                taps[0, _tap_row(config, columns, i, j)] = (y + i) * kernel[1] + x + j
        dx = x * dilation[1]
        offset = dx * layout.pixel_units + layout.first // layout.unit_bytes
        if config.paired:
            second = np.arange(config.rows) % 2 == 1
            taps = np.concatenate([np.where(second, -1, taps), np.where(second, taps, -1)])
            taps = taps if (taps[1] >= 0).any() else taps[:1]
        entries.append(Entry(y * dilation[0], dx, offset, columns, False, taps))
    return entries


def maximum_entries(config: Config, layout: Layout, kernel: Pair, dilation: Pair) -> list[Entry]:
    """Return one entry a tap, which enters row 0 alone: maxima of sums of one product each."""
    entries = []
    for y in range(kernel[0]):
        for x in range(kernel[1]):
            taps = np.full((1, config.rows), -1)
            taps[0, 0] = y * kernel[1] + x
            dx = x * dilation[1]
            offset = dx * layout.pixel_units + layout.first // layout.unit_bytes
            entries.append(Entry(y * dilation[0], dx, offset, 1, False, taps))
    return entries


def lay_out_weights(
    config: Config, entries: list[Entry], weights: NDArray[np.int8], first: int = 0
) -> NDArray[np.int8]:
    """Return the weight memory's words, int8 (groups * steps, columns, rows).

    ``weights`` is (out channels, taps); ``first`` columns of the first group stay empty.
    """
    out, columns = weights.shape[0], config.columns
    taps = np.concatenate([entry.taps for entry in entries])
    groups = -(-(first + out) // columns)
    padded = np.zeros((groups * columns, weights.shape[1] + 1), np.int8)  # index -1 is a zero
    padded[first : first + out, :-1] = weights
    words = padded[:, taps].reshape(groups, columns, len(taps), config.rows)
    return np.ascontiguousarray(words.transpose(0, 2, 1, 3)).reshape(-1, columns, config.rows)


def pair_products(config: Config, words: NDArray[np.int8], first: int, channels: int) -> Int64:
    """Return what products of two weights add to each channel's sum, int64 (channels,).

    ``words`` and ``first`` as of :func:`lay_out_weights`. All zero unless rows are paired
    (:mod:`weft_hw.engine.compute.pe` has the formula).
    """
    if not config.paired:
        return np.zeros(channels, np.int64)
    wide = words.astype(np.int64)[..., : config.rows // 2 * 2]
    products = (wide[..., ::2] * wide[..., 1::2]).sum(axis=2)  # (groups * steps, columns)
    groups = -(-(first + channels) // config.columns)
    per_group = products.reshape(groups, -1, config.columns).sum(axis=1)
    return per_group.reshape(-1)[first : first + channels]

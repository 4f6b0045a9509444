"""MAC descriptors: geometry, weights and parameters of one sliding window."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import WINDOW
from weft_hw.contract.layers import Mac

from weft.compiler.constants.requantize import parameter_words
from weft.compiler.ir import Command, Entry, Misplaced, Place, Rows, TooLarge, Unsupported
from weft.compiler.lowering.context import Lowering
from weft.compiler.lowering.kernel import lay_out_weights, pair_products
from weft.compiler.lowering.window import Sums, Window
from weft.compiler.lowering.zero_steps import kept_columns, narrowed, without_zero_steps
from weft.compiler.words import Parameters, Weights

__all__ = ["check_line_room", "mac_command"]

_FARTHEST = {f.name: (1 << f.width) - 1 for f in WINDOW if f.name in ("dy", "dx", "offset")}


def check_line_room(config: Config, *, row_words: int, rows: int) -> int:
    """Return ``row_bits``; raise :class:`TooLarge` where the line buffers are too small."""
    row_bits = (row_words - 1).bit_length()
    room = config.line_banks * (config.line_words >> row_bits)
    if rows > room:
        needed = rows * (1 << row_bits) * config.columns
        available = config.line_banks * config.line_words * config.columns
        raise TooLarge(
            f"its window needs {rows} rows of {row_words * config.columns} bytes in the line "
            f"buffers ({needed} bytes; available: {available})"
        )
    return row_bits


def split_weights(
    config: Config,
    weights: NDArray[np.integer],
    entries: list[Entry],
    dilations: tuple[int, int] | None,
) -> tuple[NDArray[np.int8], list[Entry]]:
    """Return int8 weights, and entries that pass over their taps once for each part of a weight.

    Weights with a zero point have up to 9 bits and a sign: such taps enter the array twice, in
    entries without the columns at their sides that have none. ``dilations`` are columns and
    units from one column of taps to the next; None where each must stay in its row of the array.
    """
    if weights.dtype == np.int8:
        return weights.astype(np.int8, copy=False), entries
    parts, rest = [], weights.astype(np.int64)
    while not parts or rest.any():
        parts.append(np.clip(rest, -128, 127))
        rest = rest - parts[-1]
    taps, every = weights.shape[1], list(entries)
    for number, part in enumerate(parts[1:], 1):
        used = part.any(axis=0)
        for entry in entries:
            few = entry if dilations is None else narrowed(config, entry, used, *dilations)
            more = np.where(few.taps < 0, -1, few.taps + number * taps)
            every.append(replace(few, taps=more))
    return np.concatenate(parts, axis=1).astype(np.int8), every


def mac_command(
    lowering: Lowering,
    index: int,
    source: Place,
    target: Place,
    window: Window,
    sums: Sums,
    *,
    offset: int = 0,
    gap: int = 0,
) -> Command:
    """Return the descriptor of one window over ``source`` whose results go to ``target``.

    The rows of ``source`` begin ``offset`` words behind its buffer's first, with ``gap`` words
    between two of them.

    Raises
    ------
    TooLarge
        If the line buffers cannot hold the window's rows.
    Misplaced
        If the output's place in its pixels cannot be written beat by beat.
    """
    config, read, write = lowering.config, source.layout, target.layout
    channels = len(sums.weights)
    shift = read.first % config.columns if sums.depthwise else write.first % config.lanes
    start = write.first - shift
    if start % config.lanes or start < 0 or shift > config.lanes:
        raise Misplaced(lowering.graph.nodes[index].outputs[0])

    total = shift + channels
    groups = -(-total // config.columns)
    last = total - (groups - 1) * config.columns
    last_beats = -(-last // config.lanes)
    every = (1 << config.lanes) - 1
    ragged = (1 << last - (last_beats - 1) * config.lanes) - 1

    # Rows and columns of input that no window reaches are skipped, as padding is never negative.
    skip_rows, skip_columns = max(0, -window.top), max(0, -window.left)
    units = read.pixel_units
    weights = np.where(sums.multipliers.constant[:, None], sums.weights.dtype.type(0), sums.weights)
    dilation_x = window.dilation[1] if window.kernel[1] > 1 else 1
    steps = (dilation_x, dilation_x * units)
    if config.paired and sums.depthwise:  # which row a tap enters decides about its step
        steps = None
    weights, entries = split_weights(config, weights, sums.entries, steps)
    if skip_columns:
        entries = [
            replace(e, dx=e.dx + skip_columns, offset=e.offset + skip_columns * units)
            for e in entries
        ]
    farthest = {key: max(getattr(e, key) for e in entries) for key in ("dy", "dx", "offset")}
    if any(farthest[key] > limit for key, limit in _FARTHEST.items()):
        raise Unsupported("its window reaches farther than a window program can say")
    top, left, in_height = max(0, window.top), max(0, window.left), read.height - skip_rows
    span, (out_height, out_width) = window.span, window.out_size
    # A single window does not move, so a stride that no field holds does no harm.
    stride_y = window.stride[0] if out_height > 1 else 1
    stride_x = window.stride[1] if out_width > 1 else 1
    fill = max(1, min(in_height, (out_height - 1) * stride_y - top + span))
    row_bits = check_line_room(
        config, row_words=read.row_words, rows=min(fill, span + (config.pixels - 1) * stride_y)
    )
    y, x = window.target
    beat = y * write.row_words * config.beats + (x * write.pixel_bytes + start) // config.lanes
    descriptor = Mac(
        row_words=read.row_words,
        row_gap=gap,
        fill_rows=fill,
        row_bits=row_bits,
        in_height=in_height,
        in_width=read.width,
        packing=read.packing,
        out_height=out_height,
        out_width=out_width,
        groups=groups,
        stride_y=stride_y,
        stride_x=stride_x,
        pad_top=top,
        pad_left=left,
        span=span,
        dilation_y=window.dilation[0] if window.kernel[0] > 1 else 1,
        dilation_x=dilation_x,
        unit_step=dilation_x * units,
        unit_stride=stride_x * units,
        group_step=int(sums.depthwise and groups > 1),
        origin=-left * units,
        keep=kept_columns(entries, dilation_x, stride_x),
        pad_value=window.pad_value,
        depthwise=sums.depthwise,
        maximum=sums.maximum,
        last_beats=last_beats,
        rounding=sums.multipliers.rounding,
        zero_point=sums.zero_point,
        low=sums.low,
        high=sums.high,
        out_row=write.row_words * config.beats,
        out_pixel=write.pixel_bytes // config.lanes,
        first_mask=every & ~((1 << shift) - 1),
        last_mask=every if write.whole else ragged,
    )
    words = lay_out_weights(config, entries, weights, shift)
    bias = sums.bias - pair_products(config, words, shift, channels)
    command = Command(
        index,
        descriptor,
        (source.buffer, offset + skip_rows * (read.row_words + gap)),
        (target.buffer, beat),
        entries=entries,
        weights=Weights(words),
        parameters=Parameters(parameter_words(bias, sums.multipliers, config.lanes, shift)),
        rows=Rows(write.row_words, x == 0 and out_width == write.width)
        if y == 0 and out_height == write.height
        else None,
    )
    return without_zero_steps(command)

"""Max and average pooling as depthwise layers; what they must give, in NumPy alone."""

from math import ceil
from typing import NamedTuple

import numpy as np
from engine_cases import Case, Tensor, add_mac
from weft_hw.contract.config import Config

__all__ = ["average_pool", "max_pool"]


class Geometry(NamedTuple):
    """Rows and columns of each, and the channels of the map."""

    kernel: list[int]
    stride: list[int]
    size: list[int]
    pad: list[int]
    out: list[int]
    channels: int


def _geometry(config, rng, padded, fits):
    """Draw kernel, stride, padding, input and channels until the layer fits."""
    while True:
        kernel, stride = rng.integers(1, 8, 2), rng.integers(1, 4, 2)
        size = rng.integers(1, 9, 2)
        pad = rng.integers(0, kernel) if padded else np.zeros(2, np.int64)
        channels = int(rng.integers(1, 41 if rng.random() < 0.3 else 2 * config.columns))
        out = (size + 2 * pad - kernel) // stride + 1
        words = ceil(channels / config.columns)
        pitch = 1 << int(words * size[1] - 1).bit_length()
        room = config.line_banks * config.line_words // pitch
        if (
            out.min() >= 1
            and fits(int(kernel.prod()))
            and room >= min(kernel[0], size[0])
            and words * (size.prod() + out.prod()) <= config.activation_words
            and kernel.prod() * words * out.prod() <= 1500
            and kernel.prod() <= config.window_count
        ):
            return Geometry(
                kernel.tolist(),
                stride.tolist(),
                size.tolist(),
                pad.tolist(),
                out.tolist(),
                channels,
            )


def _pool(config, rng, geometry: Geometry, *, high, wide, reduce, multiplier, shift, maximum):
    """Build the layer; ``reduce`` maps windows (..., taps) of int64 to results."""
    kernel, stride, size, pad, out, channels = geometry
    case, words = Case(config, rng), ceil(channels / config.columns)
    source = Tensor(case.allocate(size[0] * size[1] * words), size[0], size[1], words)
    target = Tensor(case.allocate(out[0] * out[1] * words), out[0], out[1], words)
    entries, cover = [], []
    for ky in range(0, kernel[0], high):
        for kx in range(0, kernel[1], wide):
            columns = min(wide, kernel[1] - kx)
            entries.append({"dy": ky, "dx": kx, "offset": kx * words, "columns": columns})
            grid = np.zeros((config.tap_rows, config.tap_columns), np.int8)
            grid[: min(high, kernel[0] - ky), :columns] = 1
            cover.append(grid.reshape(-1))
    weights = np.zeros((words, len(entries), config.columns, config.rows), np.int8)
    for c in range(channels):
        weights[c // config.columns, :, c % config.columns] = cover
    last = channels - (words - 1) * config.columns
    last_beats = ceil(last / config.lanes)
    base = case.add_parameters(words * config.beats, lambda: 0, lambda: multiplier, lambda: shift)
    add_mac(
        case,
        source,
        target,
        [{"steps_minus_1": 0, **e} for e in entries],
        weights.reshape(-1, config.columns, config.rows),
        groups=words,
        last_beats=last_beats,
        parameter_base=base,
        stride_y=stride[0],
        stride_x=stride[1],
        pad_top=pad[0],
        pad_left=pad[1],
        span=kernel[0],
        group_step=1,
        pad_value=-128,
        depthwise=1,
        maximum=maximum,
        last_mask=(1 << last - (last_beats - 1) * config.lanes) - 1,
        first_mask=(1 << config.lanes) - 1,
        note=f"pool {size}x{channels} kernel {kernel} stride {stride} pad {pad} -> {out}",
    )

    memory = case.activations[: case.used_words].copy()
    image = memory[: source.words].view(np.int8).reshape(*size, -1)[..., :channels]
    padded = np.pad(image.astype(np.int64), [(p, p) for p in pad] + [(0, 0)], constant_values=-128)
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(0, 1))
    windows = windows[:: stride[0], :: stride[1]][: out[0], : out[1]]
    result = reduce(windows.reshape(*windows.shape[:3], -1)).astype(np.int8).view(np.uint8)
    memory[target.base :].reshape(*out, -1)[..., :channels] = result
    case.expected = memory
    return case


def max_pool(config: Config, rng: np.random.Generator) -> Case:
    """The largest of each window, padded with the smallest value, one tap a cycle."""
    geometry = _geometry(config, rng, True, lambda taps: True)
    return _pool(
        config,
        rng,
        geometry,
        high=1,
        wide=1,
        maximum=1,
        multiplier=1 << 30,
        shift=30,
        reduce=lambda windows: windows.max(axis=-1),
    )


def average_pool(config: Config, rng: np.random.Generator) -> Case:
    """The mean of each window, halves towards plus infinity.

    The number of taps is odd, so that there are no halves, or a power of two, so that its
    reciprocal is exact.
    """
    geometry = _geometry(config, rng, False, lambda taps: taps % 2 == 1 or taps & taps - 1 == 0)
    taps = geometry.kernel[0] * geometry.kernel[1]
    shift = 30 + (taps - 1).bit_length()
    return _pool(
        config,
        rng,
        geometry,
        high=config.tap_rows,
        wide=config.tap_columns,
        maximum=0,
        multiplier=round((1 << shift) / taps),
        shift=shift,
        reduce=lambda windows: (2 * windows.sum(axis=-1) + taps) // (2 * taps),
    )

"""Random layers, in the contract's own terms."""

from math import ceil, gcd

import numpy as np
from engine_cases import Case, Tensor, add_mac
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Rounding, Wait

__all__ = ["add_random_mac", "between", "random_layer", "random_tensor"]

MOST_STEPS = 1500  # cycles of work in a layer
FLOAT32_MACS = 900  # so many products stay below 2**24


def between(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high, endpoint=True))


def random_tensor(case: Case, height: int, width: int, channels: int) -> Tensor:
    """An input of the given size, packed if it can be; returned before its size is checked."""
    columns, rng = case.config.columns, case.rng
    packings = [p for p in (0, 1, 2) if channels <= columns >> p]
    packing = int(rng.choice(packings)) if packings else 0
    gap = between(rng, 1, 5) if rng.random() < 0.3 and not case.config.compact else 0
    return Tensor(case.used_words, height, width, ceil(channels / columns), packing, gap)


def fits_lines(config: Config, source: Tensor, needed: int) -> bool:
    """Whether line buffers hold ``needed`` rows of ``source``."""
    pitch = 1 << (source.row_words - 1).bit_length()
    return min(needed, source.height) <= config.line_banks * (config.line_words // pitch)


def _tap_rows(config: Config, step: int) -> int:
    """Tap rows that lie in different line buffers when they are ``step`` rows apart."""
    return min(config.tap_rows, config.line_banks // gcd(step, config.line_banks))


def _window(case, kernel, step, channels, source, depthwise, maximum, feed_channels):
    """Entries of a layer, each with the tap rows and channels that its weights cover."""
    config, entries = case.config, []
    high_most = 1 if maximum else _tap_rows(config, step[0])
    wide_most = 1 if maximum else config.tap_columns
    units = 1 if source.packing else source.pixel_words
    for ky in range(0, kernel[0], high_most):
        for kx in range(0, kernel[1], wide_most):
            for word in range(1 if depthwise else ceil(channels / config.columns)):
                here = min(config.columns, channels - word * config.columns)
                wide, high = min(wide_most, kernel[1] - kx), min(high_most, kernel[0] - ky)
                feed = feed_channels and wide == high == 1 and not depthwise
                steps = ceil(here / config.channel_rows) if feed else here
                if depthwise:  # rows of a pair one after the other; a maximum takes row 0 alone
                    steps = 1 + (config.paired and not maximum)
                entries.append(
                    (
                        {
                            "dy": ky * step[0],
                            "dx": kx * step[1],
                            "offset": kx * step[1] * units + word,
                            "columns": wide,
                            "steps_minus_1": steps - 1,
                            "channels": int(feed),
                        },
                        high,
                        here,
                    )
                )
    return entries


def _weights(case, entries, groups, channels, depthwise, maximum):
    """Random weights, int8 (groups * steps, columns, rows); 0 where the input is unspecified."""
    config, rng, words = case.config, case.rng, []
    for group in range(groups):
        for entry, high, here in entries:
            for s in range(entry["steps_minus_1"] + 1):
                word = np.zeros((config.columns, config.rows), np.int8)
                used = np.zeros(config.rows, bool)
                if entry["channels"]:
                    used[: min(config.channel_rows, here - s * config.channel_rows)] = True
                else:
                    grid = used.reshape(config.tap_rows, config.tap_columns)
                    grid[:high, : entry["columns"]] = True
                word[:, used] = (
                    1 if maximum else rng.integers(-128, 128, (config.columns, int(used.sum())))
                )
                if depthwise:
                    word[max(0, channels - group * config.columns) :] = 0
                words.append(word)
    return np.array(words)


def add_random_mac(
    case: Case, source: Tensor, channels: int, wait: Wait, table: bool, filters_most: int = 40
) -> Tensor | None:
    """Append a random layer that reads ``source``; return its output, or None if none fits."""
    config, rng = case.config, case.rng
    for _ in range(60):
        point, single = rng.random() < 0.25, rng.random() < 0.3
        kernel = [1, 1] if point else [between(rng, 1, 7), between(rng, 1, 7)]
        stride = [between(rng, 1, 3), between(rng, 1, 3)]
        step = [between(rng, 1, 3) if rng.random() < 0.4 else 1 for _ in range(2)]
        if single:  # one entry, whose window can slide
            kernel = [between(rng, 1, config.tap_rows), config.tap_columns]
            stride[1] = between(rng, 1, max(1, config.tap_columns - 1))
            step = [1, 1]
        span = [(k - 1) * d + 1 for k, d in zip(kernel, step, strict=True)]
        size = source.height, source.width
        pad = [
            between(rng, max(0, ceil((s - n) / 2)), max(s - 1, 0))
            for s, n in zip(span, size, strict=True)
        ]
        out = [(n + 2 * p - s) // d + 1 for n, p, s, d in zip(size, pad, span, stride, strict=True)]
        if out[0] > 1 and rng.random() < 0.2:  # the last input rows may be read for nothing
            out[0] = between(rng, 1, out[0])
        depthwise = bool(rng.random() < 0.3) or (single and source.pixel_words > 1)
        maximum = depthwise and not single and bool(rng.random() < 0.5)
        filters = between(rng, 1, filters_most)
        groups = source.pixel_words if depthwise else ceil(filters / config.columns)
        own = config.own_weights and not depthwise and bool(rng.random() < 0.4)
        if own:  # rows that share a window are groups of channels
            out, stride, groups = [between(rng, 1, 2 * config.pixels + 1), 1], [0, 1], 1
        rows = ceil(out[0] / config.pixels) * config.pixels if own else 1
        if min(out) < 1 or not fits_lines(
            config, source, span[0] + (config.pixels - 1) * stride[0]
        ):
            continue
        entries = _window(
            case,
            kernel,
            step,
            channels,
            source,
            depthwise,
            maximum,
            bool(point or rng.random() < 0.5),
        )
        steps = sum(entry["steps_minus_1"] + 1 for entry, _, _ in entries)
        last_beats = config.beats if own else between(rng, 1, config.beats)
        packings = [
            p
            for p in (1, 2)
            if groups == 1
            and config.lanes <= config.columns >> p
            and last_beats * config.lanes <= config.columns >> p
        ]
        packing = int(rng.choice(packings)) if packings else 0
        target = Tensor(case.used_words, out[0], out[1], groups, packing)
        if (
            case.used_words + target.words <= config.activation_words
            and len(case.entries) + len(entries) <= config.window_count
            and len(case.weights) + groups * rows * steps + rows <= config.weight_words
            and len(case.parameters) + groups * rows * config.columns + config.lanes
            <= config.parameter_words * config.lanes
            and steps * groups * out[0] * out[1] <= MOST_STEPS
        ):
            break
    else:
        return None
    case.allocate(target.words)
    keep = entries[0][0]["columns"] - stride[1]
    slides = len(entries) == 1 and step[1] == 1 and keep > 0 and rng.random() < 0.8
    other = case.used_words - 2 * target.words  # that begins there, or further up
    adds = table and other >= 0 and bool(rng.random() < 0.4)
    few = channels * kernel[0] * kernel[1] <= FLOAT32_MACS
    rounding = Rounding(between(rng, 0, 2 if few else 1))
    bits = 0 if maximum else 6 + steps.bit_length() // 2
    base = case.add_parameters(
        groups * rows * config.beats,
        bias=lambda: rng.integers(-5000, 5000) if not maximum else rng.integers(-9, 9),
        multiplier=lambda: rng.integers(1 << 23, 1 << 24) << 7,
        shift=lambda: 31 + max(0, bits + int(rng.integers(-1, 3))),
    )
    sums = {}
    if adds:
        wide = bool(rng.random() < 0.7)
        sums = {
            "adds": True,
            "adds_first": bool(rng.random() < 0.5),
            "wide": wide,
            "other_base": between(rng, 0, other),
            "sum_parameter": case.add_parameters(
                1,
                bias=lambda: rng.integers(-1 << 31, 1 << 31),  # not used
                multiplier=lambda: rng.integers(1 << 23, 1 << 24) << 7,
                shift=lambda: 31 + 20 + int(rng.integers(0, 2)),
            ),
            "sum_rounding": between(rng, 0, 1),
            "sum_zero_point": between(rng, -20, 20),
            "sum_low": between(rng, -128, -60),
            "sum_high": between(rng, 60, 127),
        }
    lanes = (1 << config.lanes) - 1
    masks = [between(rng, 1, lanes) if rng.random() < 0.3 else lanes for _ in range(2)]
    touched = (out[0] - 1) * stride[0] + span[0] - pad[0]
    least = min(max(touched, 1), source.height)
    note = (
        f"{source} k {kernel} s {stride} d {step} p {pad} -> {out}x{groups} dw {depthwise} "
        f"max {maximum} own {own} adds {adds} keep {slides} entries {len(entries)} steps {steps} "
        f"{wait.name}"
    )
    weights = _weights(case, entries, groups * rows, channels, depthwise, maximum)
    if own:
        case.align_weights()
        shape = rows // config.pixels, config.pixels, steps, config.columns, config.rows
        weights = weights.reshape(shape).swapaxes(1, 2).reshape(-1, *shape[3:])
    add_mac(
        case,
        source,
        target,
        [entry for entry, _, _ in entries],
        weights,
        groups=groups,
        last_beats=last_beats,
        parameter_base=base,
        note=note,
        wait=wait,
        stride_y=stride[0],
        stride_x=stride[1],
        pad_top=pad[0],
        pad_left=pad[1],
        span=span[0],
        dilation_y=step[0],
        dilation_x=step[1],
        group_step=int(depthwise),
        keep=keep if slides else 0,
        own_weights=own,
        pad_value=between(rng, -128, 127),
        depthwise=depthwise,
        maximum=maximum,
        rounding=rounding,
        zero_point=between(rng, -20, 20),
        low=between(rng, -128, -60),
        high=between(rng, 60, 127),
        use_table=table and not adds and bool(rng.random() < 0.4),
        **sums,
        fill_rows=source.height if rng.random() < 0.5 else least,
        first_mask=masks[0],
        last_mask=masks[1],
    )
    return target


def random_layer(config: Config, rng: np.random.Generator) -> Case:
    """One MAC layer: kernel 1 to 7, stride and dilation 1 to 3, 1 to 40 channels, 1x1 maps too."""
    while True:
        case = Case(config, rng)
        channels = between(rng, 1, 40 if rng.random() < 0.6 else config.columns // 2)
        small = rng.random() < 0.3
        height, width = between(rng, 1, 2 if small else 10), between(rng, 1, 2 if small else 10)
        source = random_tensor(case, height, width, channels)
        if source.words > config.activation_words or source.row_words > config.line_words:
            continue
        case.allocate(source.words)
        if add_random_mac(case, source, channels, Wait.NOTHING, False):
            return case

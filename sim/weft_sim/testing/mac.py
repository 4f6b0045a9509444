"""MAC layers of the functional simulator: windows of taps, times weights."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import WINDOW_BYTES, decode_window
from weft_hw.contract.memory_map import Region

from weft_sim.testing.moves import HardwareFault

if TYPE_CHECKING:
    from weft_sim.testing.functional import FunctionalSimulator

__all__ = ["mac"]


def _lines(simulator: "FunctionalSimulator", d: dict[str, int]) -> NDArray[np.int8]:
    """Return the input rows, int8 (in_height, row bytes); rows not filled are noise."""
    config, words = simulator.config, d["row_words"]
    pitch = 1 << d["row_bits"]
    room = config.line_banks * (config.line_words // pitch)
    needed = d["span"] + (config.pixels - 1) * d["stride_y"]
    if words > pitch or min(needed, d["fill_rows"]) > room:
        raise HardwareFault(f"{needed} rows of {words} words do not fit the line buffers")
    filled = min(d["fill_rows"], d["in_height"])
    step = words + d["row_gap"]
    data = simulator.read(Region.ACTIVATION, d["in_base"], (filled - 1) * step + words)
    found = np.frombuffer(data, np.int8).reshape(-1, config.columns)
    rows = simulator.noise.integers(-128, 128, (d["in_height"], words * config.columns), np.int8)
    for row in range(filled):
        rows[row] = found[row * step :][:words].reshape(-1)
    return rows


def _tap(
    simulator: "FunctionalSimulator",
    d: dict[str, int],
    lines: NDArray[np.int8],
    group: int,
    dy: int,
    dx: int,
    offset: int,
) -> NDArray[np.int8]:
    """Return one tap of every window, int8 (out_height, out_width, columns)."""
    width, size = simulator.config.columns, simulator.config.columns >> d["packing"]
    y, x = np.arange(d["out_height"]), np.arange(d["out_width"])
    row = y * d["stride_y"] - d["pad_top"] + dy
    col = x * d["stride_x"] - d["pad_left"] + dx
    start = (d["origin"] + x * d["unit_stride"] + offset + group * d["group_step"]) * size
    byte = start[:, None] + np.arange(width)
    known = (byte >= 0) & (byte < lines.shape[1]) & (np.arange(width) < size)
    row_inside = (row >= 0) & (row < d["in_height"])
    col_inside = (col >= 0) & (col < d["in_width"])
    tap = lines[np.where(row_inside, row, 0)][:, np.where(known, byte, 0)]
    tap = np.where(known, tap, simulator.noise.integers(-128, 128, tap.shape, np.int8))
    inside = row_inside[:, None, None] & col_inside[:, None]
    return np.where(inside, tap, np.int8(d["pad_value"]))


def _windows(
    simulator: "FunctionalSimulator", d: dict[str, int], lines: NDArray[np.int8], group: int
) -> NDArray[np.int8]:
    """Return what enters the array: int8 (out_height, out_width, steps, rows, 1 or columns)."""
    config, steps = simulator.config, []
    program = simulator.read(Region.WINDOW, d["window_base"], d["window_count"])
    for at in range(0, len(program), WINDOW_BYTES):
        entry = decode_window(program[at : at + WINDOW_BYTES])
        count, columns = entry["steps_minus_1"] + 1, entry["columns"]
        _check_entry(simulator, d, entry)
        shape = (d["out_height"], d["out_width"], count, config.rows, config.columns)
        act = simulator.noise.integers(-128, 128, shape, np.int8)
        if not d["depthwise"]:
            act = act[..., :1].copy()
        elif config.paired:  # one row of each pair in the first step, the other in the second
            act[..., 0, 1::2, :] = 0
            act[..., 1:, 0::2, :] = 0
        if entry["channels"]:
            tap = _tap(simulator, d, lines, group, entry["dy"], entry["dx"], entry["offset"])
            feed = config.channel_rows
            act[..., :feed, 0] = tap[..., : count * feed].reshape(*tap.shape[:2], count, feed)
            steps.append(act)
            continue
        banks: set[int] = set()
        for i in range(config.tap_rows):
            bank = i * d["dilation_y"] % config.line_banks
            if bank in banks:  # two rows of one bank: the second is not read
                continue
            banks.add(bank)
            for j in range(columns):
                tap = _tap(
                    simulator,
                    d,
                    lines,
                    group,
                    entry["dy"] + i * d["dilation_y"],
                    entry["dx"] + j * d["dilation_x"],
                    entry["offset"] + j * d["unit_step"],
                )
                r = i * config.tap_columns + columns - 1 - j
                if d["depthwise"] and config.paired:
                    act[..., r % 2 : r % 2 + 1, r, :] = tap[..., None, :]
                elif d["depthwise"]:
                    act[..., 0, r, :] = tap
                else:
                    act[..., r, 0] = tap[..., :count]
        steps.append(act)
    return np.concatenate(steps, axis=2)


def _check_entry(
    simulator: "FunctionalSimulator", d: dict[str, int], entry: dict[str, int]
) -> None:
    """Raise where an entry breaks a rule of the contract."""
    columns = entry["columns"]
    if not 1 <= columns <= simulator.config.tap_columns or (entry["channels"] and columns != 1):
        raise HardwareFault(f"window entry with {columns} columns of taps")
    if d["depthwise"] and (
        entry["steps_minus_1"] > int(simulator.config.paired) or entry["channels"]
    ):
        raise HardwareFault("depthwise takes one step of a tap feed, or two of paired rows")
    if d["keep"] and (
        d["window_count"] != 1
        or d["dilation_x"] != 1
        or columns != d["keep"] + d["stride_x"]
        or d["unit_stride"] != d["stride_x"] * d["unit_step"]
    ):
        raise HardwareFault(f"a window that slides cannot keep {d['keep']} columns")


def mac(simulator: "FunctionalSimulator", d: dict[str, int]) -> None:
    """Execute a MAC descriptor on the memories of ``simulator``."""
    config = simulator.config
    lines = _lines(simulator, d)
    windows = _windows(simulator, d, lines, 0)
    values = (
        _own_sums(simulator, d, windows)
        if d["own_weights"]
        else _sums(simulator, d, lines, windows)
    )
    out = simulator.beats()
    y, x = np.arange(d["out_height"])[:, None], np.arange(d["out_width"])
    pixel = d["out_base"] + y * d["out_row"] + x * d["out_pixel"]
    values = values.reshape(d["out_height"], d["out_width"], -1, config.lanes)
    if d["adds"]:
        values = _added(simulator, d, values, pixel - d["out_base"])
    for n in range(values.shape[2]):
        mask = (1 << config.lanes) - 1
        mask &= d["first_mask"] if n == 0 else mask
        mask &= d["last_mask"] if n == values.shape[2] - 1 else mask
        if (pixel + n).max() >= len(out):
            raise HardwareFault(f"beat {int((pixel + n).max())} lies outside {len(out)}")
        for lane in range(config.lanes):
            if mask >> lane & 1:
                out[pixel + n, lane] = values[:, :, n, lane]


def _added(
    simulator: "FunctionalSimulator",
    d: dict[str, int],
    values: NDArray[np.uint8],
    pixel: NDArray[np.int64],
) -> NDArray[np.uint8]:
    """Return the sums of values (..., beats, lanes) and of what lies at the same place elsewhere.

    ``pixel`` is the beat of each output's first value, from the output's first beat on.
    """
    out, place = simulator.beats(), pixel[..., None] + np.arange(values.shape[2])
    place = place + d["other_base"] * simulator.config.beats
    if d["use_table"] or place.max() >= len(out):
        raise HardwareFault(f"a layer cannot add beat {int(place.max())}")
    first, second = (x.view(np.int8).astype(np.int64) for x in (values, out[place]))
    if not d["adds_first"]:
        first, second = second, first
    return simulator.add(d, first, second)


def _sums(
    simulator: "FunctionalSimulator",
    d: dict[str, int],
    lines: NDArray[np.int8],
    windows: NDArray[np.int8],
) -> NDArray[np.uint8]:
    """Return the results of every window, uint8 (windows, beats * lanes)."""
    config, groups, beats = simulator.config, d["groups"], simulator.config.beats
    size, steps = d["out_height"] * d["out_width"], windows.shape[2]
    data = simulator.read(
        Region.WEIGHT, d["weight_base"] * config.columns, groups * steps * config.columns
    )
    weights = np.frombuffer(data, np.int8).reshape(groups, steps, config.columns, config.rows)
    entries = (groups - 1) * beats + d["last_beats"]
    results = []
    for g in range(groups):
        if d["group_step"] and g:
            windows = _windows(simulator, d, lines, g)
        sums = _array(windows.reshape(size, *windows.shape[2:]), weights[g], bool(d["maximum"]))
        results.append(sums + _excess(simulator, weights[g]))
    values = np.concatenate(results, axis=1)[:, : entries * config.lanes]
    return simulator.finish(d, values, simulator.parameters(d["parameter_base"], entries))


def _own_sums(
    simulator: "FunctionalSimulator", d: dict[str, int], windows: NDArray[np.int8]
) -> NDArray[np.uint8]:
    """Return those of a layer whose output rows have weights of their own."""
    config, height, beats = simulator.config, d["out_height"], d["last_beats"]
    if not config.own_weights or d["weight_base"] % config.pixels or d["depthwise"]:
        raise HardwareFault(f"no weights of their own from word {d['weight_base']} on")
    if d["groups"] != 1 or d["out_width"] != 1 or d["stride_y"]:
        raise HardwareFault("rows with weights of their own share one window and one group")
    blocks, steps = -(-height // config.pixels), windows.shape[2]
    data = simulator.read(
        Region.WEIGHT,
        d["weight_base"] * config.columns,
        blocks * config.pixels * steps * config.columns,
    )
    words = np.frombuffer(data, np.int8).reshape(
        blocks, steps, config.pixels, config.columns, config.rows
    )
    rows = words.swapaxes(1, 2).reshape(-1, steps, config.columns, config.rows)[:height]
    results = []
    for y, (window, weights) in enumerate(zip(windows, rows, strict=True)):
        sums = _array(window, weights, bool(d["maximum"])) + _excess(simulator, weights)
        base = d["parameter_base"] + y * config.beats
        parameters = simulator.parameters(base, beats)
        results.append(simulator.finish(d, sums[:, : beats * config.lanes], parameters))
    return np.concatenate(results)


def _excess(simulator: "FunctionalSimulator", weights: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return what paired rows add to each column's sum: ``weights`` (steps, columns, rows)."""
    pairs = simulator.config.rows // 2 if simulator.config.paired else 0
    wide = weights.astype(np.int64)
    return sum(
        (wide[..., 2 * k] * wide[..., 2 * k + 1] for k in range(pairs)),
        np.zeros(wide.shape[:2], np.int64),
    ).sum(axis=0)


def _array(
    windows: NDArray[np.int8], weights: NDArray[np.int8], maximum: bool
) -> NDArray[np.int64]:
    """Return the accumulators (windows, columns) of one group.

    ``windows`` (windows, steps, rows, 1 or columns), ``weights`` (steps, columns, rows); sums are
    exact in float64, as they stay far below 2**53.
    """
    act, weight = windows.astype(np.float64), weights.astype(np.float64)
    if maximum:
        sums = np.einsum(
            "nsrc,scr->nsc", np.broadcast_to(act, (*act.shape[:3], weight.shape[1])), weight
        )
        return sums.max(axis=1).astype(np.int64)
    if act.shape[3] == 1:
        flat = weight.transpose(0, 2, 1).reshape(-1, weight.shape[1])
        return (act.reshape(len(act), -1) @ flat).astype(np.int64)
    return np.einsum("nsrc,scr->nc", act, weight).astype(np.int64)

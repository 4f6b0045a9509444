"""MAC layers of the functional simulator against the contract's formula, number by number."""

import numpy as np
import pytest
from functional_bench import CONFIG, Bench, rounded
from weft_hw.contract.descriptor import Kind, Rounding
from weft_hw.contract.memory_map import Region


def mac(bench, d, entries):
    """The contract's docstring, line by line; returns {(beat, lane): value}."""
    columns, lanes, beats = CONFIG.columns, CONFIG.lanes, CONFIG.beats
    flat = bench.memory.reshape(-1)
    result = {}
    steps_of_all = sum(e["steps_minus_1"] + 1 for e in entries)

    def tap(y, x, g, entry, i, j):
        row = y * d["stride_y"] - d["pad_top"] + entry["dy"] + i * d["dilation_y"]
        col = x * d["stride_x"] - d["pad_left"] + entry["dx"] + j * d["dilation_x"]
        unit = (
            d["origin"]
            + x * d["unit_stride"]
            + entry["offset"]
            + g * d["group_step"]
            + j * d["unit_step"]
        )
        if not (0 <= row < d["in_height"] and 0 <= col < d["in_width"]):
            return [d["pad_value"]] * columns
        start = (d["in_base"] + row * (d["row_words"] + d["row_gap"])) * columns
        start += unit * (columns >> d["packing"])
        return [int(v) for v in flat[start : start + columns]]

    for y, x, g, c in np.ndindex(d["out_height"], d["out_width"], d["groups"], columns):
        weight, acc, started = d["weight_base"] + g * steps_of_all, 0, False
        for entry in entries:
            for s in range(entry["steps_minus_1"] + 1):
                act = [0] * CONFIG.rows
                for i, k in np.ndindex(CONFIG.tap_rows, entry["columns"]):
                    taps = tap(y, x, g, entry, i, entry["columns"] - 1 - k)
                    act[i * CONFIG.tap_columns + k] = taps[c if d["depthwise"] else s]
                if entry["channels"]:
                    for r in range(CONFIG.channel_rows):
                        act[r] = tap(y, x, g, entry, 0, 0)[s * CONFIG.channel_rows + r]
                total = sum(a * int(w) for a, w in zip(act, bench.weights[weight][c], strict=True))
                weight += 1
                acc = max(acc, total) if d["maximum"] and started else acc + total
                started = True
        h, lane = divmod(c, lanes)
        if g == d["groups"] - 1 and h >= d["last_beats"]:
            continue
        beat = g * beats + h
        bias, multiplier, shift = bench.parameters[d["parameter_base"] + beat][lane]
        value = rounded(acc + bias, multiplier, shift, Rounding(d["rounding"]))
        value = min(max(value + d["zero_point"], d["low"]), d["high"])
        masks = [d["first_mask"]] if g == h == 0 else []
        if g == d["groups"] - 1 and h == d["last_beats"] - 1:
            masks.append(d["last_mask"])
        if all(mask >> lane & 1 for mask in masks):
            place = d["out_base"] + y * d["out_row"] + x * d["out_pixel"] + beat
            result[place, lane] = value
    return result


def random_mac(bench):
    """A descriptor and entries whose unspecified activations all meet zero weights."""
    rng = bench.rng
    height, width, units = int(rng.integers(1, 6)), int(rng.integers(1, 6)), int(rng.integers(1, 3))
    depthwise = int(rng.integers(2))
    kernel_w, stride = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    pad_top, pad_left = (int(v) for v in rng.integers(0, 2, 2))
    groups = int(rng.integers(1, units + 1)) if depthwise else int(rng.integers(1, 3))
    entries = []
    for word in range(1 if depthwise else units):
        channels = int(not depthwise and rng.integers(2))
        columns = 1 if channels else kernel_w
        steps = 1 if depthwise else 2 if channels else int(rng.integers(1, 9))
        entries.append(
            {
                "dy": 0,
                "dx": 0,
                "offset": word,
                "columns": columns,
                "steps_minus_1": steps - 1,
                "channels": channels,
            }
        )
    keep = 0
    if len(entries) == 1 and not entries[0]["channels"]:
        keep = max(0, kernel_w - stride)
    d = {
        "kind": int(Kind.MAC),
        "in_base": 3,
        "row_words": width * units,
        "row_gap": int(rng.integers(0, 4)),
        "fill_rows": height,
        "row_bits": 4,
        "in_height": height,
        "in_width": width,
        "packing": 0,
        "out_height": int(rng.integers(1, 4)),
        "out_width": int(rng.integers(1, 4)),
        "groups": groups,
        "stride_y": stride,
        "stride_x": stride,
        "pad_top": pad_top,
        "pad_left": pad_left,
        "span": 2,
        "dilation_y": 1,
        "dilation_x": 1,
        "unit_step": units,
        "unit_stride": stride * units,
        "group_step": depthwise,
        "origin": -pad_left * units,
        "keep": keep,
        "pad_value": int(rng.integers(-128, 128)),
        "depthwise": depthwise,
        "maximum": int(rng.integers(2)),
        "weight_base": int(rng.integers(0, 8)),
        "last_beats": int(rng.integers(1, 3)),
        "parameter_base": int(rng.integers(0, 4)),
        "rounding": int(rng.choice([Rounding.HALF_UP, Rounding.DOUBLE])),
        "zero_point": int(rng.integers(-10, 10)),
        "low": -100,
        "high": 110,
        "out_base": 320,
        "out_row": 48,
        "out_pixel": 10,
        "first_mask": int(rng.integers(1, 16)),
        "last_mask": int(rng.integers(1, 16)),
    }
    # Array rows that an entry leaves unspecified get zero weights.
    word = d["weight_base"]
    for _ in range(groups):
        for entry in entries:
            known = (
                set(range(CONFIG.channel_rows))
                if entry["channels"]
                else {i * CONFIG.tap_columns + k for i in range(2) for k in range(entry["columns"])}
            )
            for _ in range(entry["steps_minus_1"] + 1):
                for r in set(range(CONFIG.rows)) - known:
                    bench.weights[word, :, r] = 0
                word += 1
    bench.simulator.write(Region.WEIGHT, 0, bench.weights.tobytes())
    return d, entries


@pytest.mark.parametrize("seed", range(40))
def test_mac_is_the_contracts_formula(seed):
    bench = Bench(seed)
    d, entries = random_mac(bench)
    before = bench.memory.reshape(-1, CONFIG.lanes).copy()
    expected = before.copy()
    for (beat, lane), value in mac(bench, d, entries).items():
        expected[beat, lane] = value
    np.testing.assert_array_equal(bench.run(d, entries), expected)

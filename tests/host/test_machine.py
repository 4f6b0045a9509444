"""The architectural simulator against the contract's formulas, computed number by number."""

import re
from fractions import Fraction

import numpy as np
import pytest
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind, Rounding, encode_descriptor, encode_window
from weft_hw.contract.fields import pack
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, PARAMETER, PARAMETER_BYTES, Region
from weft_sim.testing.machine import Machine, MachineFault, requantize

CONFIG = Config(
    name="test",
    tap_rows=2,
    tap_columns=2,
    columns=8,
    lanes=4,
    activation_words=256,
    line_words=32,
    parameter_words=16,
    weight_words=64,
)


def rounded(acc, multiplier, shift, rounding):
    """One requantisation with exact rationals, as engineering notes section 3 state it."""
    exact = Fraction(int(acc) * int(multiplier), 1 << int(shift))
    if rounding is Rounding.HALF_UP:
        return (exact + Fraction(1, 2)).__floor__()
    assert rounding is Rounding.DOUBLE
    # gemmlowp: high = round(acc * M / 2**31), ties up; then a shift with ties away from zero.
    high = (Fraction(int(acc) * int(multiplier), 1 << 31) + Fraction(1, 2)).__floor__()
    low = Fraction(abs(high), 1 << (int(shift) - 31)) + Fraction(1, 2)
    return int(np.sign(high)) * low.__floor__()


@pytest.mark.parametrize("rounding", [Rounding.HALF_UP, Rounding.DOUBLE])
def test_requantize_integer_modes(rounding):
    rng = np.random.default_rng(11)
    acc = np.concatenate(
        [
            rng.integers(-(1 << 31), 1 << 31, 3000),
            rng.integers(-2000, 2000, 3000),
            [-(1 << 31), (1 << 31) - 1, 0, 1, -1, 1 << 20, -(1 << 20)],
        ]
    )
    multiplier = rng.integers(1 << 30, 1 << 31, len(acc))
    multiplier[-4:] = 1 << 30  # a power of two: exact ties
    shift = rng.integers(31 if rounding is Rounding.DOUBLE else 1, 63, len(acc))
    got = requantize(acc, multiplier, shift, rounding)
    expected = [rounded(*row, rounding) for row in zip(acc, multiplier, shift, strict=True)]
    np.testing.assert_array_equal(got, expected)


def test_requantize_float32_rounds_ties_to_even():
    half = (1 << 30, 31)  # scale 0.5
    np.testing.assert_array_equal(
        requantize(np.array([1, 3, 5, -1, -3, 2]), *half, Rounding.FLOAT32), [0, 2, 2, 0, -2, 1]
    )
    third = np.float32(1 / 3)
    mantissa, exponent = np.frexp(third)
    acc = np.arange(-5000, 5000)
    expected = [int(np.rint(np.float32(a) * third)) for a in acc]
    got = requantize(acc, int(mantissa * (1 << 24)) << 7, 31 - int(exponent), Rounding.FLOAT32)
    np.testing.assert_array_equal(got, expected)


class Bench:
    """A machine, and a plain copy of what was written into it."""

    def __init__(self, seed):
        self.rng, self.machine = np.random.default_rng(seed), Machine(CONFIG, seed)
        words, rows = CONFIG.activation_words, CONFIG.rows
        self.memory = self.rng.integers(-128, 128, (words, CONFIG.columns)).astype(np.int8)
        self.weights = self.rng.integers(-128, 128, (64, CONFIG.columns, rows)).astype(np.int8)
        self.parameters = [
            [
                (
                    int(self.rng.integers(-500, 500)),
                    int(self.rng.integers(1 << 30, 1 << 31)),
                    int(self.rng.integers(36, 40)),
                )
                for _ in range(CONFIG.lanes)
            ]
            for _ in range(16)
        ]
        write = self.machine.write
        write(Region.ACTIVATION, 0, self.memory.tobytes())
        write(Region.WEIGHT, 0, self.weights.tobytes())
        names = [field.name for field in PARAMETER]
        write(
            Region.PARAMETER,
            0,
            b"".join(
                pack(PARAMETER, dict(zip(names, lane, strict=True))).to_bytes(
                    PARAMETER_BYTES, "little"
                )
                for entry in self.parameters
                for lane in entry
            ),
        )

    def run(self, fields, entries=()):
        fields = {"window_count": len(entries)} | fields
        self.machine.write(Region.WINDOW, 0, b"".join(map(encode_window, entries)))
        self.machine.write(Region.DESCRIPTOR, DESCRIPTOR_WORDS, encode_descriptor(fields))
        self.machine.run(1, 1)
        data = self.machine.read(Region.ACTIVATION, 0, CONFIG.activation_words)
        return np.frombuffer(data, np.int8).reshape(-1, CONFIG.lanes)


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
    bench.machine.write(Region.WEIGHT, 0, bench.weights.tobytes())
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


def test_elementwise_sum_with_table():
    bench = Bench(5)
    table = bench.rng.integers(-(1 << 28), 1 << 28, 256)
    bench.machine.write(Region.ACTIVATION, 0, bench.memory.tobytes())
    # The table lies where operands are; they are restored afterwards.
    bench.machine.write(Region.ACTIVATION, 0, table.astype("<i4").tobytes())
    bench.run({"kind": int(Kind.TABLE), "in_base": 0})
    bench.machine.write(Region.ACTIVATION, 0, bench.memory.tobytes())
    d = {
        "kind": int(Kind.ELEMENTWISE),
        "in_base": 2,
        "other_base": 9,
        "word_count": 5,
        "out_base": 100,
        "parameter_base": 1,
        "wide": 1,
        "low": -90,
        "high": 127,
        "zero_point": 3,
        "rounding": int(Rounding.DOUBLE),
    }
    expected = bench.memory.reshape(-1, CONFIG.lanes).copy()
    for n in range(5 * CONFIG.beats):
        for lane in range(CONFIG.lanes):
            a = int(bench.memory[2:7].reshape(-1, CONFIG.lanes)[n, lane])
            b = int(bench.memory[9:14].reshape(-1, CONFIG.lanes)[n, lane])
            _, multiplier, shift = bench.parameters[1][lane]
            value = rounded((a << 19) + int(table[b & 255]), multiplier, shift, Rounding.DOUBLE)
            expected[100 + n, lane] = min(max(value + 3, -90), 127)
    np.testing.assert_array_equal(bench.run(d), expected)


def test_elementwise_product_and_function():
    bench = Bench(6)
    d = {
        "kind": int(Kind.ELEMENTWISE),
        "in_base": 0,
        "other_base": 7,
        "word_count": 3,
        "out_base": 200,
        "parameter_base": 2,
        "multiply": 1,
        "in_zero": -5,
        "other_zero": 9,
        "low": -128,
        "high": 127,
        "rounding": int(Rounding.HALF_UP),
    }
    expected = bench.memory.reshape(-1, CONFIG.lanes).copy()
    first, second = (bench.memory[at : at + 3].reshape(-1, CONFIG.lanes) for at in (0, 7))
    for n, lane in np.ndindex(6, CONFIG.lanes):
        bias, multiplier, shift = bench.parameters[2][lane]
        acc = (int(first[n, lane]) + 5) * (int(second[n, lane]) - 9) + bias
        value = rounded(acc, multiplier, shift, Rounding.HALF_UP)
        expected[200 + n, lane] = min(max(value, -128), 127)
    np.testing.assert_array_equal(bench.run(d), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"row_bits": 5, "fill_rows": 4, "in_height": 4, "span": 3},
            "3 rows of 2 words do not fit the line buffers",
        ),
        ({"row_bits": 0}, "2 rows of 2 words do not fit the line buffers"),
        ({"keep": 1, "unit_stride": 2}, "a window that slides cannot keep 1 columns"),
        ({"out_base": 511, "out_pixel": 1}, "beat 512 lies outside 512"),
        ({"in_base": 255}, "ACTIVATION 255+4 lies outside 256 units"),
    ],
)
def test_faults(changes, message):
    bench = Bench(7)
    d = {
        "kind": int(Kind.MAC),
        "row_words": 2,
        "fill_rows": 2,
        "row_bits": 1,
        "in_height": 2,
        "in_width": 2,
        "out_height": 1,
        "out_width": 2,
        "groups": 1,
        "stride_y": 1,
        "stride_x": 1,
        "span": 2,
        "dilation_y": 1,
        "dilation_x": 1,
        "unit_step": 1,
        "unit_stride": 1,
        "last_beats": 1,
        "out_pixel": 1,
        "window_count": 1,
    } | changes
    entry = {"columns": 2, "steps_minus_1": 0}
    with pytest.raises(MachineFault, match=f"^{re.escape(message)}$"):
        bench.run(d, [entry])

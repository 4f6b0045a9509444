"""The functional simulator against the contract's formulas, computed number by number."""

import re

import numpy as np
import pytest
from functional_bench import CONFIG, Bench, rounded
from weft_hw.contract.descriptor import Kind, Rounding
from weft_hw.contract.memory_map import Region
from weft_sim.testing.functional import HardwareFault, requantize


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


def test_elementwise_sum_with_table():
    bench = Bench(5)
    table = bench.rng.integers(-(1 << 28), 1 << 28, 256)
    bench.simulator.write(Region.ACTIVATION, 0, bench.memory.tobytes())
    # The table lies where operands are; they are restored afterwards.
    bench.simulator.write(Region.ACTIVATION, 0, table.astype("<i4").tobytes())
    bench.run({"kind": int(Kind.TABLE), "in_base": 0})
    bench.simulator.write(Region.ACTIVATION, 0, bench.memory.tobytes())
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
    with pytest.raises(HardwareFault, match=f"^{re.escape(message)}$"):
        bench.run(d, [entry])

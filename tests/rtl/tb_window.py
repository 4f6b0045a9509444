"""cocotb tests of WindowFormer; pytest starts them through test_parts_rtl.

Images of random geometry, cut into columns of taps as the engine does it; what each row of the
array must be given is read off the padded image.
"""

from math import ceil

import cocotb
import numpy as np
from cocotb.triggers import FallingEdge
from tb_pe import start
from weft_hw.contract.config import Config
from weft_sim.testing.rtl import config_from_env

CONFIG = config_from_env(Config)
ROWS, COLUMNS, PIXELS = CONFIG.rows, CONFIG.columns, CONFIG.pixels
ALL_TILES = (1 << COLUMNS // CONFIG.tile) - 1
FETCH_ROWS, FEED = CONFIG.fetch_rows, CONFIG.channel_rows
LAYERS = 12


class Window:
    """One piece of a window: pushes of (pixel, every, words), then steps of known activations."""

    def __init__(self, pushes, steps, channels):
        self.pushes, self.steps, self.channels = pushes, steps, channels


def pad_words(words):
    """Words of the taps in use, int8 (n, columns), and noise for the rest of the port."""
    words = [*words, *[np.full(COLUMNS, 85, np.int8)] * (FETCH_ROWS - len(words))]
    return int.from_bytes(np.array(words, np.int8).tobytes(), "little")


def layer(rng):
    """Yield the windows of one random layer, in the walker's order."""
    kernel, stride = rng.integers(1, 8, 2), rng.integers(1, 4, 2)
    step, size = rng.integers(1, 4, 2), rng.integers(1, 6, 2)
    channels = int(rng.integers(1, 41))
    high, wide = CONFIG.tap_rows, CONFIG.tap_columns
    if rng.random() < 0.4:  # a window of one piece, which can slide
        kernel, stride[1], step[1] = np.array([rng.integers(1, high + 1), wide]), 1, 1
        channels = int(rng.integers(1, COLUMNS + 1))
    words = ceil(channels / COLUMNS)
    span = (kernel - 1) * step + 1
    pad = np.maximum(rng.integers(0, span), -(-(span - size) // 2))
    image = rng.choice([*range(-128, 128), *[-128] * 30], (*size, words * COLUMNS))
    image = np.pad(
        image, [(p, p) for p in pad] + [(0, 0)], constant_values=rng.integers(-128, 128)
    ).astype(np.int8)
    out = (np.array(image.shape[:2]) - span) // stride + 1
    single = (kernel <= (high, wide)).all() and words == 1 and step[1] == 1
    kept_columns = max(0, int(kernel[1] - stride[1])) if single else 0
    for top in range(0, out[0], PIXELS):
        rows = range(top, min(top + PIXELS, out[0]))
        for x in range(out[1]):
            for ky in range(0, kernel[0], high):
                for kx in range(0, kernel[1], wide):
                    for word in range(words):
                        part = slice(word * COLUMNS, (word + 1) * COLUMNS)
                        taps = [
                            [
                                [
                                    image[
                                        y * stride[0] + (ky + i) * step[0],
                                        x * stride[1] + (kx + j) * step[1],
                                        part,
                                    ]
                                    for j in range(min(wide, kernel[1] - kx))
                                ]
                                for i in range(min(high, kernel[0] - ky))
                            ]
                            for y in rows
                        ]
                        yield piece(rng, taps, kept_columns if x else 0)


def piece(rng, taps, kept):
    """Feed taps[pixel][tap row][column], whose first ``kept`` columns are there already."""
    high, columns = len(taps[0]), len(taps[0][0])
    pushes = [
        (p, 0, pad_words([taps[p][i][j] for i in range(high)]))
        for p in range(len(taps))
        for j in range(kept, columns)
    ]
    if high == columns == 1 and rng.random() < 0.5:
        if rng.random() < 0.5:  # one word of every pixel at once
            pushes = [(int(rng.integers(PIXELS)), 1, pad_words([tap[0][0] for tap in taps]))]
        steps = [
            {
                (p, r): (tap[0][0][s * FEED + r], None)
                for p, tap in enumerate(taps)
                for r in range(FEED)
            }
            for s in range(COLUMNS // FEED)
        ]
        return Window(pushes, steps, 1)
    steps = [
        {
            (p, i * CONFIG.tap_columns + columns - 1 - j): (tap[i][j][s], tap[i][j][s:])
            for p, tap in enumerate(taps)
            for i in range(high)
            for j in range(columns)
        }
        for s in range(int(rng.integers(1, COLUMNS + 1)))
    ]
    return Window(pushes, steps, 0)


async def play(dut, windows, pause):
    """Push each window while the one before is in use; check every activation that is known."""
    wanted, cycle, checked = {}, 0, 0  # (cycle, pixel, row): (column 0, all columns)

    async def tick(start=0, channels=0, push=None):
        nonlocal cycle, checked
        dut.window__start.value, dut.window__channels.value = start * ALL_TILES, channels
        dut.window__push.value = int(push is not None)
        if push is not None:
            dut.window__pixel.value, dut.window__every.value, dut.window__words.value = push
        await FallingEdge(dut.clk)
        cycle += 1
        due = [
            (p, row, wanted.pop((cycle, p, row)))
            for p, row in np.ndindex(PIXELS, ROWS)
            if (cycle, p, row) in wanted
        ]
        data = int(dut.window__own.value).to_bytes(PIXELS * ROWS * COLUMNS, "little")
        own = np.frombuffer(data, np.int8).reshape(PIXELS, ROWS, COLUMNS)
        for p, row, (first, every) in due:
            assert own[p, row, 0] == first, (cycle, p, row)
            if every is not None:
                assert np.array_equal(own[p, row, : len(every)], every), (cycle, p, row)
            checked += 1

    started = None  # the window in use, and the cycles that it still takes
    for window in [*windows, None]:
        pushes, left = list(window.pushes) if window else [], len(started.steps) if started else 0
        first = started is not None
        while pushes or left > 0:
            push = pushes.pop(0) if pushes and not pause() else None
            await tick(int(first), started.channels if first and started else 0, push)
            first, left = False, left - 1
        started = window
        if window:
            for s, known in enumerate(window.steps):
                for (p, row), value in known.items():
                    wanted[cycle + 1 + s + row + p, p, row] = value
    for _ in range(ROWS + PIXELS):
        await tick()
    assert not wanted
    return checked


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(stalling=[False, True])
async def matches_the_padded_image(dut, stalling):
    rng = np.random.default_rng(cocotb.RANDOM_SEED)
    await start(dut)
    checked = 0
    for _ in range(LAYERS):
        windows = [window for _, window in zip(range(200), layer(rng), strict=False)]
        checked += await play(dut, windows, lambda: stalling and rng.random() < 0.4)
    assert checked > 300 * LAYERS

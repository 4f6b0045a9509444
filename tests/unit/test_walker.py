"""Walker: every column of taps of random layers, in the contract's order, as soon as it may."""

from dataclasses import replace

import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.timing import OWN_ENTRY, OWN_ROWS
from weft_hw.engine.input.walker import Walker
from weft_sim.testing import bench

FOUR = Config(name="four", tap_rows=3, columns=4, lanes=1, tile=1, pixels=4, line_words=64)
PAIR = Config(name="pair", tap_rows=2, columns=4, lanes=1, tile=1, pixels=2, line_words=64)
OWN = replace(FOUR, name="four-own", own_weights=True)
CONFIGS = [get_config("tiny"), PAIR, FOUR, OWN]
LATENCY = 3
ROW_START = 2  # cycles at most before an output row's first column; or an entry's, with own weights


class Layer:
    """Random geometry: the descriptor, its window program, and the fetches that follow."""

    def __init__(self, config, rng, *, sliding=False):
        def draw(low, high):
            return int(rng.integers(low, high + 1))

        self.config = config
        d = self.descriptor = {
            "stride_y": draw(1, 3),
            "stride_x": draw(1, 3),
            "pad_top": draw(0, 3),
            "pad_left": draw(0, 3),
            "out_height": draw(1, 7),
            "out_width": draw(1, 4),
            "groups": draw(1, 3),
            "span": draw(1, 5),
            "dilation_y": draw(1, 3),
            "dilation_x": draw(1, 3),
            "unit_step": draw(1, 40),
            "unit_stride": draw(0, 40),
            "group_step": draw(0, 2),
            "origin": draw(-9, 9),
            "keep": 0,
        }
        self.own = config.own_weights and not sliding and draw(0, 2) > 0
        if self.own:
            d |= {"own_weights": 1, "stride_y": 0, "out_width": 1, "groups": 1}
        self.entries = [
            {
                "dy": draw(0, 20),
                "dx": draw(0, 20),
                "offset": draw(0, 99),
                "columns": draw(1, config.tap_columns),
                "steps_minus_1": draw(0, 15),
                "channels": 0,
            }
            for _ in range(1 if sliding else draw(1, 3))
        ]
        if sliding:
            self.entries[0]["columns"] = columns = config.tap_columns
            d |= {"dilation_x": 1, "keep": draw(1, columns - 1)}
            d["stride_x"] = columns - d["keep"]
        for entry in self.entries:
            if entry["columns"] == 1 and not sliding:
                entry["channels"] = draw(0, 1)
        needed = (d["out_height"] - 1) * d["stride_y"] - d["pad_top"] + d["span"]
        d["fill_rows"] = max(1, needed - draw(0, 2))  # the rest is padding

    def fetches(self):
        """(output row, entry, fetch fields) of every column of taps, from the contract's loops."""
        config, d, result = self.config, self.descriptor, []
        for y in range(0, d["out_height"], config.pixels):
            pixels = min(config.pixels, d["out_height"] - y)
            for group in range(d["groups"]):
                for x in range(d["out_width"]):
                    for index, entry in enumerate(self.entries):
                        window = {
                            "steps_minus_1": entry["steps_minus_1"],
                            "channels": entry["channels"],
                            "first": int(index == 0),
                            "last": int(index == len(self.entries) - 1),
                            "group_end": int(x == d["out_width"] - 1),
                            "final_group": int(group == d["groups"] - 1),
                            "last_pixel": pixels - 1,
                        }
                        # A channel feed takes one word of every pixel at once if they lie in
                        # different line buffers, of which there is a power of two.
                        every = int(
                            self.own
                            or (entry["channels"] and config.pixels > 1 and d["stride_y"] % 2 == 1)
                        )
                        places = [
                            (p, j)
                            for p in range(1 if every else pixels)
                            for j in range(d["keep"] if x else 0, entry["columns"])
                        ]
                        for k, (pixel, j) in enumerate(places):
                            result.append(
                                (
                                    y,
                                    entry,
                                    {
                                        "row": (y + pixel) * d["stride_y"]
                                        - d["pad_top"]
                                        + entry["dy"],
                                        "column": (
                                            x * d["stride_x"]
                                            - d["pad_left"]
                                            + entry["dx"]
                                            + j * d["dilation_x"]
                                        ),
                                        "unit": (
                                            d["origin"]
                                            + x * d["unit_stride"]
                                            + entry["offset"]
                                            + group * d["group_step"]
                                            + j * d["unit_step"]
                                        ),
                                        "pixel": pixel,
                                        "every": every,
                                        "complete": int(k == len(places) - 1),
                                        "window": window,
                                    },
                                )
                            )
        return result

    def rows_needed(self, y, entry):
        """Input rows that must be in the line buffers before a column of taps is fetched.

        Those of the output row ``y``; with own weights of ``entry``, which reads a word of one row,
        or of as many as there are tap rows.
        """
        d = self.descriptor
        if self.own:
            more = 0 if entry["channels"] else (self.config.tap_rows - 1) * d["dilation_y"]
            return min(entry["dy"] - d["pad_top"] + more + 1, d["fill_rows"])
        below = (self.config.pixels - 1) * d["stride_y"]
        return min(y * d["stride_y"] - d["pad_top"] + d["span"] + below, d["fill_rows"])


def plain(view):
    """The fields of a fetch as a dict."""
    names = ("row", "column", "unit", "pixel", "every", "complete")
    window = (
        "steps_minus_1",
        "channels",
        "first",
        "last",
        "group_end",
        "final_group",
        "last_pixel",
    )
    return {n: view[n] for n in names} | {"window": {n: view.window[n] for n in window}}


async def feed(ctx, dut, layer, stall):
    """Offer the layer's entries over and over."""
    count = len(layer.entries)
    while True:
        await bench.send(
            ctx,
            dut.entries,
            [
                {"window": entry, "first": int(k == 0), "last": int(k == count - 1)}
                for k, entry in enumerate(layer.entries)
            ],
            stall,
        )


def run(config, layer, *, entry_stall, enable, filled):
    """Walk through ``layer``; return its fetches with their cycles, and those wanted."""
    dut, seen = Walker(config), []
    wanted = layer.fetches()

    async def entries(ctx):
        await ctx.tick().repeat(5)  # as the window program, which reads the first one
        await feed(ctx, dut, layer, entry_stall)

    async def drive(ctx):
        assert ctx.get(dut.done)
        ctx.set(dut.descriptor, layer.descriptor)
        ctx.set(dut.begin, 1)
        await ctx.tick()
        ctx.set(dut.begin, 0)
        rows, issued, cycle, ended = 0, 0, 0, None
        pending = [0] * LATENCY  # whether a column was decided on, in the last cycles
        while ended is None or cycle < ended + 12:
            rows, enabled = max(rows, filled(cycle)), enable()
            ctx.set(dut.filled_rows, rows)
            ctx.set(dut.enable, enabled)
            *_, issue, valid, fetch, low_row, done = await ctx.tick().sample(
                dut.issue, dut.valid, dut.fetch, dut.low_row, dut.done
            )
            assert valid == pending[-LATENCY]
            assert done == (issued == len(wanted))
            if valid:
                y, *_ = wanted[len(seen)]
                seen.append((cycle, plain(fetch)))
                # Its rows must not be replaced yet.
                first_row = y * layer.descriptor["stride_y"] - layer.descriptor["pad_top"]
                assert low_row <= max(first_row, 0)
            if issue:
                y, entry, _ = wanted[issued]
                assert enabled and rows >= layer.rows_needed(y, entry)
                issued += 1
            pending.append(issue)
            if len(seen) == len(wanted) and ended is None:
                ended = cycle
            cycle += 1
        below = -(-layer.descriptor["out_height"] // config.pixels) * config.pixels
        assert ctx.get(dut.low_row) == max(
            below * layer.descriptor["stride_y"] - layer.descriptor["pad_top"], 0
        )

    bench.run(dut, drive, background=[entries], deadline=12_000)
    assert [fetch for _, fetch in seen] == [fetch for *_, fetch in wanted]
    return seen, wanted


@pytest.mark.parametrize("kind", ["streaming", "entries-stall", "enable-stalls", "rows-come-late"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_column_of_taps(config, kind):
    rng = bench.generator()
    for _ in range(5):
        layer = Layer(config, rng)
        run(
            config,
            layer,
            entry_stall=bench.stalls(rng, 4 if kind == "entries-stall" else 0),
            enable=(lambda: int(rng.random() < 0.5)) if kind == "enable-stalls" else lambda: 1,
            filled=(lambda cycle: cycle // 20) if kind == "rows-come-late" else lambda _: 40,
        )


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_sliding_window_fetches_only_what_is_new(config):
    rng = bench.generator(2)
    for _ in range(5):
        layer = Layer(config, rng, sliding=True)
        run(config, layer, entry_stall=lambda: 0, enable=lambda: 1, filled=lambda _: 40)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_one_column_per_cycle(config):
    rng = bench.generator(3)
    for _ in range(5):
        layer = Layer(config, rng)
        seen, wanted = run(
            config, layer, entry_stall=lambda: 0, enable=lambda: 1, filled=lambda _: 40
        )
        for (before, fetch), (after, _), (y, *_), (next_y, *_) in zip(
            seen, seen[1:], wanted, wanted[1:], strict=False
        ):
            starts = next_y != y or (layer.own and fetch["complete"])
            assert after - before <= ROW_START if starts else after - before == 1


def test_with_own_weights_an_entry_starts_with_its_rows():
    """Rows come one by one: each word is fetched as soon as its row is there."""
    rng = bench.generator(4)
    layer = next(layer for layer in (Layer(OWN, rng) for _ in range(100)) if layer.own)
    entry = {"dx": 0, "offset": 0, "columns": 1, "steps_minus_1": 1, "channels": 1}
    layer.entries = [{**entry, "dy": row} for row in range(6)]
    layer.descriptor |= {"pad_top": 0, "out_height": 5, "span": 6, "fill_rows": 6}
    come = 20
    seen, _ = run(
        OWN, layer, entry_stall=lambda: 0, enable=lambda: 1, filled=lambda cycle: cycle // come
    )
    # A fetch is decided on a cycle after its row is counted, or later where that is not the last.
    first = [cycle for cycle, _ in seen][:6]
    assert first == [come * (row + 1) + 1 + OWN_ROWS * (row < 5) + LATENCY for row in range(6)]
    # The second block of output rows finds them all there.
    second = [cycle for cycle, _ in seen][6:]
    assert second == [first[-1] + (1 + OWN_ENTRY) * (k + 1) for k in range(6)]

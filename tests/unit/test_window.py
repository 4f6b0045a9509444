"""WindowFormer: any pushes and starts against a list of the columns that were pushed."""

from dataclasses import replace

import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.compute.pairs import PairWindowFormer
from weft_hw.engine.variants import variants_of
from weft_sim.testing import bench

SMALLEST = Config(name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=1, tile=1)
PAIR = Config(name="pair", tap_rows=2, tap_columns=3, columns=8, lanes=2, pixels=2)
NINE = Config(name="nine", columns=4, lanes=2, pixels=4)
ROW_PAIRS = [replace(config, name=f"{config.name}-rows", paired=True) for config in (PAIR, NINE)]
CONFIGS = [SMALLEST, get_config("tiny"), PAIR, NINE, *ROW_PAIRS]
CYCLES = 300


def lag(config, row, pixel):
    """Cycles by which a row of a pixel is behind row 0 of pixel 0 of an array without pairs."""
    return pixel + (1 + row // 2 if config.paired else row)


def all_tiles(config):
    return (1 << config.columns // config.tile) - 1


def draw_bytes(rng, shape):
    return rng.choice([*range(-128, 128), *[-128] * 40], shape)


class Model:
    """What each row of the array is given, cycle by cycle, before the rows' stagger.

    A column is (bytes per tap row, bytes for a channel feed); None where nothing is known.
    """

    def __init__(self, config):
        self.config = config
        self.unknown = [None] * config.columns
        blank = [self.unknown] * config.fetch_rows, self.unknown
        self.pushed = [[blank] * config.tap_columns for _ in range(config.pixels)]
        self.window, self.channels, self.step = list(self.pushed), 0, 0

    def push(self, pixel, words, every):
        """Push a word per tap row for one pixel, or a word for each pixel's channel feed."""
        for p in range(self.config.pixels):
            if every:
                column = [self.unknown] * self.config.fetch_rows, words[p]
                self.pushed[p] = [*self.pushed[p], column]
            elif p == pixel:
                self.pushed[p] = [*self.pushed[p], (words, words[0])]

    def start(self, channels):
        self.window = [columns[-self.config.tap_columns :] for columns in self.pushed]
        self.channels, self.step = channels, 0

    def expected(self, pixel, row):
        """Return the bytes that the array's columns may rely on."""
        config, columns = self.config, self.config.columns
        known = [None] * columns
        tap_row, place = divmod(row, config.tap_columns)
        if self.channels:
            byte = self.step * config.channel_rows + row
            if row < config.channel_rows and byte < columns:
                known[0] = self.window[pixel][-1][1][byte]
        else:
            rest = self.window[pixel][-1 - place][0][tap_row][self.step :]
            known[: len(rest)] = rest
        return known


@pytest.mark.parametrize("chance", [1.0, 0.4], ids=["streaming", "stalling"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_hands_out_what_was_pushed(config, chance):
    rng = bench.generator()
    dut = variants_of(config).window(config)
    model = Model(config)
    wanted = []  # per cycle, [pixel][row][column] as row 0 has them

    async def drive(ctx):
        checked = 0
        for cycle in range(CYCLES):
            push, start = rng.random() < chance, rng.random() < 0.3
            every = int(rng.random() < 0.3)
            pixel, channels = int(rng.integers(config.pixels)), int(rng.integers(2))
            words = draw_bytes(rng, (config.fetch_rows, config.columns)).tolist()
            ctx.set(dut.push, push)
            ctx.set(dut.pixel, pixel)
            ctx.set(dut.start, start * all_tiles(config))
            ctx.set(dut.channels, channels)
            ctx.set(dut.every, every)
            ctx.set(
                dut.words,
                [int.from_bytes(bytes(b & 255 for b in word), "little") for word in words],
            )
            await ctx.tick()
            model.step += 1
            if start:
                model.start(channels)
            if push:  # in the cycle of a start: for the next window
                model.push(pixel, words, every)
            wanted.append(
                [[model.expected(p, r) for r in range(config.rows)] for p in range(config.pixels)]
            )
            own = ctx.get(dut.own)
            for row in range(config.rows):
                for p in range(config.pixels):
                    if (at := cycle - lag(config, row, p)) < 0:
                        continue
                    expected = wanted[at][p][row]
                    got = [*own[p][row]]
                    for column, value in enumerate(expected):
                        assert value is None or got[column] == value, (cycle, p, row, column)
                        checked += value is not None
        assert checked > CYCLES * config.rows * config.pixels // 8

    bench.run(dut, drive, deadline=CYCLES + 10)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_windows_of_one_step_follow_each_other(config):
    """A new column and a start in every cycle: the rate at which the array could take windows."""
    rng, count = bench.generator(2), 40
    words = draw_bytes(rng, (count, config.fetch_rows, config.columns))
    dut = variants_of(config).window(config)

    async def drive(ctx):
        ctx.set(dut.push, 1)
        ctx.set(dut.start, all_tiles(config))
        for cycle in range(count):
            ctx.set(
                dut.words,
                [
                    int.from_bytes(bytes(b & 255 for b in word), "little")
                    for word in words[cycle].tolist()
                ],
            )
            await ctx.tick()
            for row in range(config.rows):
                # Row 0 uses the column of the cycle before; each row (or pair) is a cycle behind.
                tap_row, place = divmod(row, config.tap_columns)
                if (k := cycle - 1 - lag(config, row, 0) - place) >= 0:
                    assert [*ctx.get(dut.own)[0][row]] == words[k, tap_row].tolist(), (cycle, row)

    bench.run(dut, drive, deadline=count + 10)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("config", ROW_PAIRS, ids=lambda config: config.name)
def test_depthwise_shows_one_row_of_a_pair_after_the_other(config, steps):
    """Windows of one column, ``steps`` cycles each; the next is pushed a cycle after a start."""
    rng, count = bench.generator(steps), 30
    words = draw_bytes(rng, (count, config.fetch_rows, config.columns))
    dut = PairWindowFormer(config)
    silent = [0] * config.columns

    def pushed(number):
        return [
            int.from_bytes(bytes(b & 255 for b in word), "little")
            for word in words[number].tolist()
        ]

    async def drive(ctx):
        shown, period = 0, max(2, steps)
        ctx.set(dut.depthwise, 1)
        for cycle in range(period * count):
            number, phase = divmod(cycle, period)
            # Pushed in cycle 1 (modulo the period), started in cycle 0 of the next.
            ctx.set(dut.push, phase == 1)
            ctx.set(dut.words, pushed(number))
            starts = phase == 0 or (steps == 1 and phase == 1)
            ctx.set(dut.start, starts * all_tiles(config))
            await ctx.tick()
            for row in range(config.rows):
                at = cycle - lag(config, row, 0)  # the cycle of row 0's control
                number, phase = divmod(at, period)
                if number < config.tap_columns + 1:
                    continue
                tap_row, place = divmod(row, config.tap_columns)
                first = number - 1 - place
                # Of windows of one step, a second row is never shown.
                shows = (phase == 0 or steps == 1) if row % 2 == 0 else phase == 1 and steps > 1
                wanted = words[first, tap_row].tolist() if shows else silent
                assert [*ctx.get(dut.own)[0][row]] == wanted, (cycle, row)
                shown += shows
        assert shown > count

    bench.run(dut, drive, deadline=4 * count + 10)

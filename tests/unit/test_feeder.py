"""Feeder: no column is lost, no window starts early, weights and exits keep their order."""

from dataclasses import replace
from itertools import pairwise

import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.variants import variants_of
from weft_sim.testing import bench

SMALLEST = Config(
    name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=2, tile=1, weight_words=64
)
PAIR = Config(name="pair", tap_rows=2, columns=8, lanes=1, tile=2, pixels=2, weight_words=512)
OWN = replace(PAIR, name="own", own_weights=True)
CONFIGS = [SMALLEST, get_config("tiny"), PAIR]


class Layer:
    """A random layer: its columns, and the steps that the array must see."""

    def __init__(
        self, config, rng, *, entries=None, steps_most=16, size_most=3, own=False, adds=False
    ):
        width, height, groups = (int(rng.integers(1, size_most + 1)) for _ in range(3))
        width, groups = (1, 1) if own else (width, groups)
        self.own, self.adds = own, adds
        entries = entries or int(rng.integers(1, 4))
        self.last_beats = int(rng.integers(1, config.beats + 1))
        shape = [
            (
                int(rng.integers(1, steps_most + 1)),
                int(rng.integers(1, config.tap_columns + 1)),
                int(rng.integers(2)),
            )
            for _ in range(entries)
        ]
        total = sum(steps for steps, _, _ in shape)
        self.base = int(rng.integers(0, max(1, config.weight_words - groups * total)))
        following, step = self.base, config.pixels if own else 1
        self.columns, self.steps, self.windows = [], [], []
        for y in range(height):
            last_pixel = config.pixels - 1 if y < height - 1 else int(rng.integers(config.pixels))
            for group in range(groups):
                for x in range(width):
                    address = following if own else self.base + group * total
                    for index, (steps, columns, channels) in enumerate(shape):
                        use = {
                            "steps_minus_1": steps - 1,
                            "channels": channels,
                            "first": int(index == 0),
                            "last": int(index == entries - 1),
                            "group_end": int(x == width - 1),
                            "final_group": int(group == groups - 1),
                            "last_pixel": last_pixel,
                        }
                        count = columns * (last_pixel + 1)
                        self.columns += [
                            {
                                "words": rng.integers(0, 256, config.fetch_rows).tolist(),
                                "pixel": k // columns,
                                "every": int(rng.integers(2)),
                                "complete": int(k == count - 1),
                                "window": use,
                            }
                            for k in range(count)
                        ]
                        self.windows.append((count, channels))
                        for s in range(steps):
                            first = int(index == 0 and s == 0)
                            last = int(index == entries - 1 and s == steps - 1)
                            self.steps.append(
                                (
                                    first,
                                    last,
                                    use["group_end"],
                                    use["final_group"],
                                    last_pixel,
                                    address,
                                )
                            )
                            address += step
                    following = address

    def leave(self, config, step):
        """Cycles in which the results of an output leave, given its last step."""
        beats = self.last_beats if step[3] else config.beats
        return beats * (step[4] + 1) * (1 + self.adds)


def run(config, layers, column_stall, enable):
    """Return per layer what the outputs showed: pushes, starts and steps with their cycles."""
    dut = variants_of(config).feeder(config)
    cycle, current = 0, -1
    seen = [{"push": [], "start": [], "step": [], "waits": 0} for _ in layers]

    async def watch(ctx):
        nonlocal cycle
        async for _ in ctx.tick():
            cycle += 1
            if current < 0:
                continue
            log = seen[current]
            if ctx.get(dut.push):
                log["push"].append(
                    (cycle, ctx.get(dut.pixel), ctx.get(dut.every), [*ctx.get(dut.words)])
                )
            if ctx.get(dut.start):
                log["start"].append((cycle, ctx.get(dut.channels)))
            step = ctx.get(dut.step)
            if step.valid:
                log["step"].append(
                    (
                        cycle,
                        (
                            step.first,
                            step.last,
                            step.group_end,
                            step.final_group,
                            step.last_pixel,
                            ctx.get(dut.weight_address),
                        ),
                    )
                )
            waits = ctx.get(dut.waits_output)
            assert not (waits and ctx.get(dut.empty))
            log["waits"] += waits

    async def gate(ctx):
        while True:
            ctx.set(dut.enable, enable())
            await ctx.tick()

    async def drive(ctx):
        nonlocal current
        for index, layer in enumerate(layers):
            ctx.set(dut.weight_base, layer.base)
            ctx.set(dut.last_beats, layer.last_beats)
            ctx.set(dut.adds, int(layer.adds))
            if config.own_weights:
                ctx.set(dut.own_weights, int(layer.own))
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            current = index
            await bench.send(ctx, dut.columns, layer.columns, column_stall)
            while len(seen[index]["step"]) < len(layer.steps):
                await ctx.tick()
            assert ctx.get(dut.empty)
            for _ in range(3 + 2 * config.beats * config.pixels):
                await ctx.tick()

    bench.run(dut, drive, background=[watch, gate], deadline=30_000)
    return seen


def check(config, layer, log):
    """Order and content of everything; windows never start before their last column."""
    pushed = [(c["pixel"], c["every"], c["words"]) for c in layer.columns]
    assert [tuple(entry[1:]) for entry in log["push"]] == pushed
    assert [step for _, step in log["step"]] == layer.steps
    assert [channels for _, channels in log["start"]] == [c for _, c in layer.windows]
    arrived = 0
    for (cycle, _), (count, _) in zip(log["start"], layer.windows, strict=True):
        arrived += count
        assert sum(c < cycle for c, *_ in log["push"]) == arrived  # and none of the next window
    ends = [(cycle, step) for cycle, step in log["step"] if step[1]]
    for (before, step), (after, _) in pairwise(ends):
        assert after - before >= layer.leave(config, step)


@pytest.mark.parametrize("kind", ["streaming", "columns-stall", "enable-stalls"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_column_and_step(config, kind):
    rng = bench.generator()
    layers = [
        Layer(config, rng, steps_most=most, adds=adds)
        for most, adds in ((1, False), (2, True), (4, False), (16, True))
    ]
    column_stall = bench.stalls(rng, 6 if kind == "columns-stall" else 0)
    gate = (lambda: int(rng.random() < 0.4)) if kind == "enable-stalls" else (lambda: 1)
    for layer, log in zip(layers, run(config, layers, column_stall, gate), strict=True):
        check(config, layer, log)


def test_weights_of_their_own_go_on_from_window_to_window():
    rng = bench.generator(4)
    layers = [Layer(OWN, rng, steps_most=most, own=own) for most in (1, 4) for own in (True, False)]
    for layer, log in zip(layers, run(OWN, layers, lambda: 0, lambda: 1), strict=True):
        check(OWN, layer, log)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_windows_follow_each_other_without_a_gap(config):
    """Between columns, steps and results, the scarcest alone decides the rate."""
    rng = bench.generator(2)
    layers = [
        Layer(config, rng, entries=1, steps_most=most, size_most=6, adds=adds)
        for most in (1, 3, 16)
        for adds in (False, True)
    ]
    for layer, log in zip(layers, run(config, layers, lambda: 0, lambda: 1), strict=True):
        check(config, layer, log)
        outputs = [step for step in layer.steps if step[1]]
        steps = len(layer.steps) // len(outputs)
        starts = [cycle for cycle, _ in log["start"]]
        for (before, after), step, (count, _) in zip(
            pairwise(starts), outputs, layer.windows[1:], strict=False
        ):
            assert after - before == max(steps, count, layer.leave(config, step))
        assert (log["waits"] > 0) == any(
            layer.leave(config, s) > max(steps, c)
            for s, (c, _) in zip(outputs, layer.windows[1:], strict=False)
        )


def test_a_held_window_takes_no_column():
    """What is offered while a window waits belongs to the next one, and is still there later."""
    config = get_config("tiny")
    rng = bench.generator(3)
    layer = Layer(config, rng, entries=1, size_most=1)
    dut = variants_of(config).feeder(config)

    async def drive(ctx):
        await bench.send(ctx, dut.columns, layer.columns)
        ctx.set(dut.columns.payload, layer.columns[0])
        ctx.set(dut.columns.valid, 1)
        await ctx.tick()
        for _ in range(5):
            assert not ctx.get(dut.columns.ready) and not ctx.get(dut.empty)
            assert not ctx.get(dut.push)
            await ctx.tick()
        ctx.set(dut.enable, 1)
        assert ctx.get(dut.columns.ready)
        await ctx.tick()
        assert ctx.get(dut.push) and ctx.get(dut.start)

    bench.run(dut, drive, deadline=100)

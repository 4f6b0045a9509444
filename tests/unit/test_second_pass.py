"""SecondPass: every result once, in order, beside what lies at its place of the other map."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.descriptor import Kind
from weft_hw.engine.output.second_pass import SecondPass
from weft_sim.testing import bench

CONFIGS = [
    Config(name="one-beat", tap_rows=1, columns=2, lanes=2, tile=1, activation_words=256),
    get_config("tiny"),
    Config(name="four", tap_rows=1, columns=8, lanes=2, tile=1, pixels=4, activation_words=256),
]
READ_LATENCY, OFFERED = 3, 8
LANES = 29  # from the collector's beat to its result


def layer(config, rng):
    """Random geometry; the beats of the other map by window."""
    draw = lambda low, high: int(rng.integers(low, high + 1))  # noqa: E731
    beats, size = config.beats, config.activation_words * config.beats
    d = {
        "kind": Kind.MAC,
        "adds": 1,
        "adds_first": draw(0, 1),
        "out_height": draw(1, 2 * config.pixels + 1),
        "out_width": draw(1, 4),
        "groups": draw(1, 2),
        "last_beats": draw(1, beats),
        "out_base": draw(0, 9),
        "out_pixel": draw(1, 2 * beats),
    }
    d["out_row"] = d["out_width"] * d["out_pixel"] + draw(0, 3)
    windows = []
    for top in range(0, d["out_height"], config.pixels):
        for g in range(d["groups"]):
            for x in range(d["out_width"]):
                windows.append(
                    [
                        y * d["out_row"] + x * d["out_pixel"] + g * beats + h
                        for y in range(top, min(top + config.pixels, d["out_height"]))
                        for h in range(d["last_beats"] if g == d["groups"] - 1 else beats)
                    ]
                )
    farthest = max(max(window) for window in windows)
    d["other_base"] = draw(0, (size - farthest) // beats - 1)
    return d, [[d["other_base"] * beats + place for place in w] for w in windows]


@pytest.mark.parametrize("most", [0, 9], ids=["streaming", "stalling"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_result_beside_its_operand(config, most):
    """Windows follow each other as soon as the feeder lets them, or later."""
    rng = bench.generator()
    dut, stall = SecondPass(config), bench.stalls(rng, most)
    memory = rng.integers(-128, 128, (config.activation_words * config.beats, config.lanes))
    words = (memory & 255).astype(np.uint8).reshape(config.activation_words, config.columns)

    async def drive(ctx):
        for _ in range(8):
            d, windows = layer(config, rng)
            ctx.set(dut.descriptor, d)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            enters, results, wanted, now = set(), {}, [], 1
            for window in windows:
                for k, place in enumerate(window):
                    values = rng.integers(-128, 128, config.lanes).tolist()
                    enters.add(now + k)
                    results[now + k + LANES] = values
                    wanted.append((values, memory[place].tolist()))
                now += 2 * len(window) + stall()
            pipe, seen, offered = [0] * READ_LATENCY, [], []
            for cycle in range(now + LANES + 8 * config.pixels * config.beats):
                ctx.set(dut.valid, int(cycle in results))
                random = rng.integers(-128, 128, config.lanes).tolist()
                ctx.set(dut.values, [v & 255 for v in results.get(cycle, random)])
                ctx.set(dut.room, int(cycle not in enters))
                address = ctx.get(dut.read_address) % len(words)
                pipe.append(int.from_bytes(words[address].tobytes(), "little"))
                sums = ctx.get(dut.sums)
                if sums.valid:
                    assert cycle - 1 not in enters
                    pair = [*sums.first], [*sums.second]
                    seen.append(pair if d["adds_first"] else pair[::-1])
                    offered.append(cycle)
                await ctx.tick()
                ctx.set(dut.read_data, pipe[-READ_LATENCY])
            assert seen == wanted
            assert offered[-1] - max(results) == OFFERED  # nothing is left from windows before
            assert min(a - b for a, b in zip(offered, sorted(results), strict=True)) >= OFFERED

    bench.run(dut, drive, deadline=20_000)

"""Writer: the address and the lanes of every beat, in the contract's formula."""

import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.descriptor import Kind
from weft_hw.engine.variants import variants_of
from weft_sim.testing import bench

SMALLEST = Config(name="smallest", tap_rows=1, columns=2, lanes=2, tile=1, activation_words=512)
CONFIGS = [
    SMALLEST,
    get_config("tiny"),
    Config(name="pair", tap_rows=1, columns=8, lanes=2, tile=1, pixels=2, activation_words=512),
    Config(name="four", tap_rows=1, columns=4, lanes=1, tile=1, pixels=4, activation_words=512),
    Config(
        name="four-own",
        tap_rows=1,
        columns=4,
        lanes=2,
        tile=1,
        pixels=4,
        activation_words=512,
        own_weights=True,
    ),
]


class Layer:
    """Random output geometry; beats as (address, lanes written, rows complete after it)."""

    def __init__(self, config, rng, kind):
        def draw(low, high):
            return int(rng.integers(low, high + 1))

        beats, lanes = config.beats, config.lanes
        every = (1 << lanes) - 1
        d = self.descriptor = {
            "kind": kind,
            "out_height": draw(1, 6),
            "out_width": draw(1, 4),
            "groups": draw(1, 3),
            "last_beats": draw(1, beats),
            "out_base": draw(0, 50),
            "out_row": draw(1, 30),
            "out_pixel": draw(1, 9),
            "first_mask": draw(1, every),
            "last_mask": draw(1, every),
            "word_count": draw(1, 12),
        }
        own = config.own_weights and kind == Kind.MAC and draw(0, 2) > 0
        if own:  # an output row is a word, and has a pixel for itself
            d |= {"own_weights": 1, "out_width": 1, "groups": 1, "last_beats": beats}
        self.beats = []
        if kind == Kind.ELEMENTWISE:
            self.beats = [(d["out_base"] + k, every, None) for k in range(d["word_count"] * beats)]
            return
        for top in range(0, d["out_height"], config.pixels):
            rows = range(top, min(top + config.pixels, d["out_height"]))
            for g in range(d["groups"]):
                for x in range(d["out_width"]):
                    for y in rows:
                        count = d["last_beats"] if g == d["groups"] - 1 else beats
                        for h in range(count):
                            address = (
                                d["out_base"]
                                + y * d["out_row"]
                                + x * d["out_pixel"]
                                + g * beats
                                + h
                            )
                            mask = every
                            if g == h == 0:
                                mask &= d["first_mask"]
                            if g == d["groups"] - 1 and h == count - 1:
                                mask &= d["last_mask"]
                            written = y + (h == count - 1) if own else top
                            self.beats.append((address, mask, written))
            if own:
                continue
            # Only now all beats of these rows are written.
            self.beats[-1] = (*self.beats[-1][:2], top + config.pixels)


@pytest.mark.parametrize("most", [0, 3], ids=["streaming", "stalling"])
@pytest.mark.parametrize("kind", [Kind.MAC, Kind.ELEMENTWISE], ids=lambda kind: kind.name)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_beat_to_its_place(config, kind, most):
    rng = bench.generator()
    dut = variants_of(config).writer(config)
    stall = bench.stalls(rng, most)

    async def drive(ctx):
        for _ in range(8):
            layer = Layer(config, rng, kind)
            ctx.set(dut.descriptor, layer.descriptor)
            ctx.set(dut.begin, 1)
            await ctx.tick()
            ctx.set(dut.begin, 0)
            await ctx.tick()  # the first results come far later
            assert ctx.get(dut.rows) == 0

            def draw():
                return rng.integers(0, 256, config.lanes).tolist()

            given: list = [None]  # number and values of the beat of each cycle
            for k in range(len(layer.beats)):
                given += [None] * stall()
                given.append((k, draw()))
            for beat, before in zip([*given[1:], None, None], given, strict=False):
                ctx.set(dut.values, beat[1] if beat else draw())
                ctx.set(dut.valid, beat is not None)
                await ctx.tick()  # results of the cycle before
                ctx.set(dut.valid, 0)
                if before is None:
                    assert not ctx.get(dut.enable) and not ctx.get(dut.done)
                    continue
                k, values = before
                address, lanes, rows = layer.beats[k]
                assert ctx.get(dut.address) == address, k
                assert ctx.get(dut.enable) == lanes, k
                assert [*ctx.get(dut.beat)] == values
                assert ctx.get(dut.done) == (k == len(layer.beats) - 1)
                if rows is not None:
                    assert ctx.get(dut.rows) == rows
            await ctx.tick()
            assert not ctx.get(dut.enable) and not ctx.get(dut.done)

    bench.run(dut, drive, deadline=20_000)

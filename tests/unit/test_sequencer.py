"""Sequencer: layers in order, halves that overlap but never overtake, counters of each."""

import pytest
from weft_hw.contract.config import get_config
from weft_hw.contract.descriptor import DESCRIPTOR, Kind, encode_descriptor
from weft_hw.contract.memory_map import COUNTER_STRIDE, DESCRIPTOR_WORDS, counters
from weft_hw.engine.sequencer import Sequencer
from weft_hw.engine.variants import variants_of
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

CONFIG = get_config("tiny")
COUNTERS = counters(CONFIG)
EVENTS = len(COUNTERS) - 1
assert variants_of(CONFIG).counters.LATE == 1
FETCH = DESCRIPTOR_WORDS + 5  # cycles from one descriptor to the next, at most
JOIN = 2  # from a layer's end to the next one's back half


def draw_descriptor(rng):
    return {
        f.name: int(rng.integers(-(1 << f.width - 1), 1 << f.width - 1))
        if f.signed
        else int(rng.integers(0, 1 << f.width))
        for f in DESCRIPTOR
    } | {"kind": int(rng.choice([Kind.MAC, Kind.ELEMENTWISE, Kind.TABLE]))}


def plain(view):
    return {field.name: view[field.name] for field in DESCRIPTOR}


async def load(ctx, dut, descriptors):
    for index, descriptor in enumerate(descriptors):
        data = encode_descriptor(descriptor)
        for word in range(DESCRIPTOR_WORDS):
            bench.assign(
                ctx,
                dut.load,
                enable=1,
                address=index * DESCRIPTOR_WORDS + word,
                data=int.from_bytes(data[4 * word : 4 * word + 4], "little"),
            )
            await ctx.tick()
    ctx.set(dut.load.enable, 0)


async def start(ctx, dut, first, count):
    """Offer a run; return in the cycle after it was taken."""
    assert ctx.get(dut.start.ready)
    ctx.set(dut.start.payload, {"first": first, "count": count})
    ctx.set(dut.start.valid, 1)
    await ctx.tick()
    ctx.set(dut.start.valid, 0)
    ctx.set(dut.start.payload, {"first": 255, "count": 255})  # offered by nobody


async def run_layers(ctx, dut, rng, first, count, front_most, back_most):
    """Play both halves of ``count`` layers; return events per layer, cycles and what happened."""
    log, events = [], [[0] * len(COUNTERS) for _ in range(count)]
    front_left, back_left, front, back, cycle = -1, -1, -1, -1, 1
    free: dict[int, int] = {}  # when each layer's front half had nothing left to do
    fired = 0
    while True:
        busy = ctx.get(dut.busy)
        ctx.set(dut.events.as_value(), fired)  # of the cycle before
        assert bool(ctx.get(dut.start.ready)) != bool(busy)
        if not busy:
            return events, log, cycle
        if ctx.get(dut.front_begin):
            assert front < 0 or front in free
            front += 1
            log.append((cycle, "front", front, plain(ctx.get(dut.front))))
            front_left = int(rng.integers(0, front_most + 1))
        if ctx.get(dut.back_begin):
            back += 1
            log.append((cycle, "back", back, plain(ctx.get(dut.back))))
            # No real layer is shorter than the storing of the counters of the one before.
            back_left = int(rng.integers(len(COUNTERS), back_most + len(COUNTERS) + 1))
        # The front half's work ends only after the halves have joined.
        joined = ctx.get(dut.joined)
        assert ctx.get(dut.working) == (back_left > 0)
        assert front < 0 or joined == (front == back)
        finished = bool(joined) and front_left <= 0
        ctx.set(dut.front_done, finished)
        if finished:
            free.setdefault(front, cycle)
        front_left -= bool(joined)
        back_left -= 1
        done = back_left == 0
        if done:
            log.append((cycle, "done", back, None))
        ctx.set(dut.done, done)
        fired = int(rng.integers(0, 1 << EVENTS))
        layer = events[sum(entry[1] == "done" for entry in log) - done]
        layer[0] += 1
        for k in range(EVENTS):
            layer[1 + k] += fired >> k & 1
        await ctx.tick()
        cycle += 1
        assert cycle < 4000


@pytest.mark.parametrize("front_most,back_most", [(0, 0), (0, 90), (60, 3), (30, 30)])
def test_layers_in_order(front_most, back_most):
    rng = bench.generator()
    dut = Sequencer(CONFIG, Portable())
    descriptors = [draw_descriptor(rng) for _ in range(CONFIG.descriptor_count)]

    async def drive(ctx):
        await load(ctx, dut, descriptors)
        for first, count in [(0, 1), (3, 5), (CONFIG.descriptor_count - 2, 2), (0, 16)]:
            await start(ctx, dut, first, count)
            events, log, cycles = await run_layers(
                ctx, dut, rng, first, count, front_most, back_most
            )
            assert ctx.get(dut.cycles) == cycles
            when = {(what, index): cycle for cycle, what, index, _ in log}
            assert len(log) == len(when) == 3 * count
            for _, what, index, descriptor in log:
                if what != "done":
                    assert descriptor == descriptors[first + index], (what, index)
            for index in range(count):
                assert when["front", index] <= when["back", index] < when["done", index]
                if index:
                    # One layer's back half ends before the next one's begins.
                    ended = when["done", index - 1]
                    assert ended < when["back", index]
                    assert when["back", index - 1] < when["front", index]
                    if when["front", index] <= ended:
                        assert when["back", index] == ended + JOIN
                    # The descriptor came meanwhile.
                    assert when["front", index] <= max(
                        when["back", index - 1] + front_most + 3, when["front", index - 1] + FETCH
                    )
            assert when["front", 0] <= FETCH
            for _ in range(len(COUNTERS) + 2):
                await ctx.tick()
                assert ctx.get(dut.cycles) == cycles
            for index, counter in ((i, k) for i in range(count) for k in range(len(COUNTERS))):
                ctx.set(dut.counter_address, (first + index) * COUNTER_STRIDE + counter)
                await ctx.tick()
                await ctx.tick()
                assert ctx.get(dut.counter_data) == events[index][counter], (index, counter)

    bench.run(dut, drive, deadline=20_000)


def test_a_run_of_no_layers_does_nothing():
    dut = Sequencer(CONFIG, Portable())

    async def drive(ctx):
        await start(ctx, dut, 0, 0)
        for _ in range(40):
            assert not ctx.get(dut.busy) and ctx.get(dut.start.ready)
            assert not ctx.get(dut.front_begin) and not ctx.get(dut.back_begin)
            await ctx.tick()

    bench.run(dut, drive, deadline=100)

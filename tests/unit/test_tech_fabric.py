"""Multipliers built from adders against Python's product, and against the portable latency."""

import random

import pytest
from amaranth.hdl import signed, unsigned
from weft_hw.tech.fabric import TreeMultiplier, TreeMultiplierByte
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY, Multiplier, WideMultiplier
from weft_sim.testing import bench

SHAPES = [
    (unsigned(32), unsigned(31)),
    (signed(9), signed(9)),
    (signed(8), signed(8)),
    (unsigned(7), signed(6)),
    (signed(5), unsigned(4)),
    (unsigned(1), unsigned(1)),
    (signed(1), signed(2)),
    (signed(6), unsigned(21)),
    (unsigned(3), signed(26)),
]


def operands(shape, rng):
    low = -(1 << shape.width - 1) if shape.signed else 0
    high = low + (1 << shape.width) - 1
    return rng.choice((low, low + 1, -1, 0, 1, high - 1, high, rng.randint(low, high))), low, high


def check(dut, latency, shapes, count=300):
    rng = random.Random(1)
    pairs = []
    nudged = "nudge" in dut.signature.members
    assert nudged == (not shapes[1].signed and shapes[1].width % 2 == 1)
    while len(pairs) < count:
        values = [operands(shape, rng) for shape in shapes]
        if all(low <= value <= high for value, low, high in values):
            pairs.append((*(value for value, *_ in values), nudged and rng.getrandbits(1)))

    async def drive(ctx):
        for cycle in range(count + latency):
            if cycle < count:
                ctx.set(dut.a, pairs[cycle][0])
                ctx.set(dut.b, pairs[cycle][1])
                if nudged:
                    ctx.set(dut.nudge, pairs[cycle][2])
            if cycle >= latency:
                a, b, nudge = pairs[cycle - latency]
                assert ctx.get(dut.o) == a * b + (nudge << shapes[1].width - 1), (a, b, nudge)
            await ctx.tick()

    bench.run(dut, drive, deadline=count + 100)


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [WideMultiplier, TreeMultiplier])
def test_multiplies(kind, shapes):
    dut = kind(*shapes)
    check(dut, dut.latency, shapes)


@pytest.mark.parametrize("kind", [Multiplier, TreeMultiplierByte])
def test_multiplies_bytes(kind):
    check(kind(), MULTIPLIER_LATENCY, (signed(8), signed(8)))

"""cocotb tests of Requantize; pytest starts them through test_requantize_rtl.

Expected values follow the runtimes' own definitions, in Python integers and NumPy's float32.
"""

import math
import random

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from weft_hw.contract.descriptor import Rounding
from weft_hw.engine.output.requantize import RESCALE, Requantize

INT32 = range(-(1 << 31), 1 << 31)
FLOAT_EXACT = range(-(1 << 24), (1 << 24) + 1)


def truncating_divide(a, b):
    return abs(a) // b * (1 if a >= 0 else -1)


def double(value, multiplier, shift):
    """gemmlowp: fixedpoint.h, SaturatingRoundingDoublingHighMul and RoundingDivideByPOT."""
    product = (value << max(31 - shift, 0)) * multiplier
    nudge = 1 << 30 if product >= 0 else 1 - (1 << 30)
    high = truncating_divide(product + nudge, 1 << 31)
    exponent = max(shift - 31, 0)
    mask = (1 << exponent) - 1
    return (high >> exponent) + ((high & mask) > (mask >> 1) + (high < 0))


def half_up(value, multiplier, shift):
    return (value * multiplier * 2 + (1 << shift)) >> (shift + 1)


def float32(value, multiplier, shift):
    scale = np.float32(math.ldexp(multiplier, -shift))
    assert float(scale) == math.ldexp(multiplier, -shift)
    return int(np.rint(np.float32(value) * scale))


ROUND = {Rounding.DOUBLE: double, Rounding.HALF_UP: half_up, Rounding.FLOAT32: float32}


def expected(vector, rounding, zero_point, low, high):
    return min(max(ROUND[rounding](*vector) + zero_point, low), high)


def random_vector(rng, rounding):
    """Any bits; a shift that often leaves something between 0 and saturation."""
    legal = FLOAT_EXACT if rounding is Rounding.FLOAT32 else INT32
    value = rng.choice((1, -1)) * rng.getrandbits(rng.randrange(1, 25))
    if rng.random() < 0.3:
        value = rng.choice((*legal[:2], *legal[-2:], rng.choice(legal), -1, 0, 1))
    multiplier = rng.getrandbits(31)
    if rounding is Rounding.FLOAT32:
        multiplier = rng.randrange(1 << 23, 1 << 24) << 7
    elif rng.random() < 0.1:
        multiplier = rng.choice((0, 1, 1 << 30, (1 << 31) - 1))
    middle = (abs(value) * multiplier).bit_length() - rng.randrange(9)
    shift = middle if rng.random() < 0.7 else rng.randrange(64)
    return value, multiplier, min(max(shift, 0), 63)


def threshold_vector(rng, rounding):
    """A product within a few units of a tie between two results."""
    tie = 2 * rng.randrange(-140, 140) + 1  # in halves
    if rng.random() < 0.3:  # exactly on it, or one unit of a power of two beside it
        value = tie << rng.randrange(16)
        shift = 31 + (value // tie).bit_length() - 1
        return value + rng.choice((-1, 0, 0, 1)), 1 << 30, shift
    value = rng.choice((1, -1)) * (rng.getrandbits(rng.randrange(2, 25)) | 1)
    if rounding is not Rounding.FLOAT32 and rng.random() < 0.5:
        multiplier = rng.randrange(1 << 30, 1 << 31)
        shift = min(max(rng.randrange(32, 56), 0), 63)
        value = (tie << (shift - 1)) // multiplier + rng.choice((-1, 0, 1))
        return min(max(value, INT32[0]), INT32[-1]), multiplier, shift
    bits = 24 if rounding is Rounding.FLOAT32 else 31
    exponent = bits + abs(value).bit_length() - abs(tie).bit_length()
    multiplier = (abs(tie) << exponent) // abs(value)
    while multiplier >= 1 << bits:
        multiplier, exponent = multiplier >> 1, exponent - 1
    multiplier = min(max(multiplier + rng.choice((-1, 0, 1)), 1 << bits - 1), (1 << bits) - 1)
    shift = exponent + 1
    if rounding is Rounding.FLOAT32:
        multiplier, shift = multiplier << 7, shift + 7
    return value, multiplier, min(max(shift, 0), 63)


def half_ulp_vectors():
    """Products half a float32 spacing away from a tie: rounding to even makes them one."""
    for k in range(256):
        for side in (-1, 1):
            tie = 2 * k + 1
            spare = 25 - tie.bit_length()
            target = (tie << spare) + side
            value = next((d for d in range(3, 4000, 2) if target % d == 0), None)
            if value is None or target // value >= 1 << 24:
                continue
            mantissa = target // value
            normal = 24 - mantissa.bit_length()
            for sign in (1, -1):
                yield sign * value, mantissa << normal + 7, normal + 7 + spare + 1


async def start(dut):
    for port in (dut.value, dut.multiplier, dut.shift, dut.rescale):
        port.value = 0
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0


async def check(dut, vectors, rounding, zero_point=0, low=-128, high=127):
    """Send one vector a cycle; each result must come exactly LATENCY cycles later."""
    dut.rescale.value = RESCALE.const(
        {"rounding": rounding, "zero_point": zero_point, "low": low, "high": high}
    ).as_bits()
    results = [expected(v, rounding, zero_point, low, high) for v in vectors]
    for cycle in range(len(vectors) + Requantize.LATENCY):
        if cycle < len(vectors):
            dut.value.value, dut.multiplier.value, dut.shift.value = vectors[cycle]
        await FallingEdge(dut.clk)
        done = cycle + 1 - Requantize.LATENCY
        if 0 <= done < len(vectors):
            got = dut.o.value.to_signed()
            assert got == results[done], (vectors[done], rounding, zero_point, low, high, got)


def controls(rng):
    """Zero points with lower and upper clamps."""
    yield from [(0, -128, 127), (-128, -128, 127), (127, -128, 127), (5, 5, 5)]
    for _ in range(8):
        low, high = sorted(rng.randrange(-128, 128) for _ in range(2))
        yield rng.randrange(-128, 128), low, high


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(rounding=list(Rounding))
async def matches_runtimes(dut, rounding):
    rng = random.Random(cocotb.RANDOM_SEED)
    await start(dut)
    for control in controls(rng):
        vectors = [
            make(rng, rounding) for _ in range(700) for make in (random_vector, threshold_vector)
        ]
        await check(dut, vectors, rounding, *control)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def float32_product_ties(dut):
    vectors = list(half_ulp_vectors())
    assert len(vectors) > 500
    await start(dut)
    for zero_point in (0, -128, 127):
        await check(dut, vectors, Rounding.FLOAT32, zero_point)


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(rounding=list(Rounding))
async def extremes(dut, rounding):
    values = [
        -1,
        0,
        1,
        *((FLOAT_EXACT if rounding is Rounding.FLOAT32 else INT32)[k] for k in (0, 1, -2, -1)),
    ]
    multipliers = (
        [1 << 30, (1 << 31) - 128]
        if rounding is Rounding.FLOAT32
        else [0, 1, 1 << 30, (1 << 31) - 1]
    )
    await start(dut)
    vectors = [(v, m, s) for v in values for m in multipliers for s in range(64)]
    await check(dut, vectors, rounding)
    await check(dut, vectors, rounding, -7, -9, 3)

"""UART at bit level: rates that do not divide, senders that are off, glitches, breaks."""

import random
from fractions import Fraction

import pytest
from weft_hw.link.uart import UartReceiver, UartTransmitter, samples_per_bit
from weft_sim.testing.bench import run, send

RATES = pytest.mark.parametrize(
    "clock_hz, baud",
    [
        (25_000_000, 3_000_000),
        (48_000_000, 12_000_000),
        (16_000_000, 921_600),
        (50_000_000, 2_999_999),
    ],
)


class Wire:
    """Levels for given times, in cycles, sampled at each cycle without rounding up errors."""

    def __init__(self, ctx, pin, cycles_per_bit):
        self.ctx, self.pin, self.bit = ctx, pin, cycles_per_bit
        self.due, self.now = Fraction(0), 0

    async def hold(self, level, bits):
        self.ctx.set(self.pin, level)
        self.due += Fraction(bits) * self.bit
        while self.now < self.due:
            await self.ctx.tick()
            self.now += 1

    async def byte(self, value, stop=1):
        for level in [0, *(value >> at & 1 for at in range(8)), stop]:
            await self.hold(level, 1)


def receive(clock_hz, baud, bench, *, error=0.0, deadline=200_000):
    """Return the bytes and the number of errors that ``bench(wire)`` leads to."""
    dut, got = UartReceiver(clock_hz=clock_hz, baud=baud), []
    errors = 0

    async def driver(ctx):
        bit = Fraction(clock_hz, baud) * (1 + Fraction(error).limit_denominator(1000))
        wire = Wire(ctx, dut.rx, bit)
        await wire.hold(1, 2)
        await bench(wire)
        await wire.hold(1, 3)

    async def listener(ctx):
        nonlocal errors
        ctx.set(dut.o.ready, 1)
        async for *_, valid, payload, error in ctx.tick().sample(
            dut.o.valid, dut.o.payload, dut.error
        ):
            errors += error
            if valid:
                got.append(payload)

    run(dut, driver, background=[listener], deadline=deadline)
    return bytes(got), errors


@RATES
@pytest.mark.parametrize("error", [-0.02, 0, 0.02])
def test_a_sender_may_be_off_by_two_percent(clock_hz, baud, error):
    data = b"\0\xff\x55\xaa\x01\x80" + random.Random(1).randbytes(12)

    async def bench(wire):
        for value in data:
            await wire.byte(value)

    assert receive(clock_hz, baud, bench, error=error) == (data, 0)


def test_glitches_are_ignored():
    async def bench(wire):
        for value in b"\0\x55\xff":
            await wire.hold(0, Fraction(1, 5))  # no start bit: gone at its middle
            await wire.hold(1, 1)
            await wire.hold(0, 1)
            for level in [*(value >> at & 1 for at in range(8)), 1]:
                await wire.hold(level, Fraction(1, 2))
                await wire.hold(1 - level, Fraction(1, 16))  # one sample of three
                await wire.hold(level, Fraction(7, 16))

    assert receive(16_000_000, 1_000_000, bench) == (b"\0\x55\xff", 0)


def test_a_break_is_one_error_and_over_when_the_line_is_idle():
    async def bench(wire):
        await wire.byte(0x31)
        await wire.hold(0, 25)
        await wire.hold(1, 2)
        await wire.byte(0x32)
        await wire.byte(0x33, stop=0)
        await wire.hold(1, 2)
        await wire.byte(0x34)

    assert receive(25_000_000, 3_000_000, bench) == (b"\x31\x32\x34", 2)


@RATES
def test_transmitter_keeps_the_rate(clock_hz, baud):
    dut, data = UartTransmitter(clock_hz=clock_hz, baud=baud), random.Random(2).randbytes(20)
    levels = []

    async def driver(ctx):
        await send(ctx, dut.i, data)
        await ctx.tick().until(dut.i.ready)

    async def listener(ctx):
        async for *_, level in ctx.tick().sample(dut.tx):
            levels.append(level)

    run(dut, driver, background=[listener], deadline=200_000)
    bit = Fraction(clock_hz, baud)
    start = levels.index(0)
    for at, value in enumerate(data):
        middles = [start + int(bit * (10 * at + k) + bit / 2) for k in range(10)]
        assert [levels[middle] for middle in middles] == [
            0,
            *(value >> k & 1 for k in range(8)),
            1,
        ], f"byte {at}"
    assert len(levels) - start <= bit * 10 * len(data) + 3


def test_too_fast():
    with pytest.raises(ValueError, match="from 1 to a quarter of clock_hz = 1000, not 251"):
        samples_per_bit(clock_hz=1000, baud=251)

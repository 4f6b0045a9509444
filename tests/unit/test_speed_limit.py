"""What is written to transceivers' registers, as one of them reads it (IEEE 802.3, clause 22)."""

from itertools import pairwise

from weft_hw.link.ethernet.speed_limit import SpeedLimit
from weft_sim.testing.bench import run

CLOCK_HZ = 20_000_000


def test_no_transceiver_is_to_offer_gigabit():
    dut, bits, rises = SpeedLimit(CLOCK_HZ), [], []

    async def bench(ctx):
        for _ in range(50):
            await ctx.tick()
            assert not ctx.get(dut.drive) and not ctx.get(dut.mdc)
        ctx.set(dut.start, 1)
        before = before_data = cycle = 0
        while not bits or ctx.get(dut.drive):
            await ctx.tick()
            cycle += 1
            clock, data = ctx.get(dut.mdc), ctx.get(dut.mdio)
            if clock and not before:
                assert ctx.get(dut.drive)
                bits.append(data)
                rises.append(cycle)
            # 10 ns before the clock rises and after it (22.2.2.13): data change while it is low.
            assert data == before_data or not clock or not bits
            before, before_data = clock, data
        for _ in range(500):
            await ctx.tick()
            assert not ctx.get(dut.drive)

    run(dut, bench, deadline=100_000)
    assert min(b - a for a, b in pairwise(rises)) / CLOCK_HZ >= 400e-9
    written = {}
    while len(bits) >= 64:
        frame, bits = bits[:64], bits[64:]
        assert frame[:32] == [1] * 32
        number = int("".join(map(str, frame[32:])), 2)
        assert number >> 28 == 0b0101 and number >> 16 & 3 == 0b10
        address, register = number >> 23 & 31, number >> 18 & 31
        written.setdefault(address, []).append((register, number & 0xFFFF))
    assert len(bits) <= 1
    # Control of 1000BASE-T offers none; control restarts what is agreed upon (22.2.4.1, 40.5.1.1).
    assert written == {address: [(9, 0), (0, 0x1200)] for address in range(32)}

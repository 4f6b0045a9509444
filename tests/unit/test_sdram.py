"""SDRAM controller against a chip that refuses what its data sheet forbids, and at its speed."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from amaranth.hdl import Module
from weft_hw.contract import timing
from weft_hw.memory.sdram.chips import CHIPS, SdramChip, slowest
from weft_hw.memory.sdram.controller import SdramController
from weft_sim.testing import bench
from weft_sim.testing.sdram_chip import SdramModel, Violation, at_the_pins

CLOCK = 110e6
BLOCK = 256  # words that no burst leaves
ROW = 512  # words
BANK_ROW = 4 * ROW  # words to the next row of the same bank
SLOW = slowest(CHIPS.values())


def quick(chip: SdramChip) -> SdramChip:
    """Return a chip that is ready soon after power-up."""
    return replace(chip, power_up=1000)


class Rig:
    """A controller, the pads' registers and a chip."""

    def __init__(self, chip=SLOW, clock=CLOCK, hurry=True, **wrong):
        self.chip = quick(chip) if hurry else chip
        # A larger chip is used as one whose rows have 512 columns.
        self.dut = SdramController(replace(self.chip, columns=ROW), clock)
        if wrong:
            self.dut.cycles = replace(
                self.dut.cycles,
                **{name: getattr(self.dut.cycles, name) + by for name, by in wrong.items()},
            )
        self.model = SdramModel(self.chip, clock)
        self.expected: list[int] = []
        self.memory: dict[int, int] = {}

    def plan(self, bursts, rng):
        """Return commands and words to write; note what the reads must give."""
        commands, writes = [], []
        for write, address, length in bursts:
            commands.append({"write": write, "address": address, "length": length})
            for at in range(address, address + length):
                if write:
                    self.memory[at] = rng.getrandbits(16)
                    writes.append(self.memory[at])
                else:
                    self.expected.append(self.memory.get(at, 0xA55A))
        return commands, writes

    def run(self, bursts, *, seed=1, stalls=(0, 0, 0), deadline=20_000):
        """Return the cycle in which each word passed."""
        rng = random.Random(seed)
        commands, writes = self.plan(bursts, rng)
        port, pins, got, times = self.dut.port, self.dut.pins, [], []
        draws = bench.generator(seed)
        command_stall, write_stall, read_stall = (bench.stalls(draws, most) for most in stalls)
        total = len(writes) + len(self.expected)

        async def ask(ctx):
            await bench.send(ctx, port.command, commands, command_stall)

        async def put(ctx):
            await bench.send(ctx, port.write, writes, write_stall)

        async def take(ctx):
            got.extend(await bench.recv(ctx, port.read, len(self.expected), read_stall))

        async def watch(ctx):
            cycle = 0
            while len(times) < total:
                *_, r, w = await ctx.tick().sample(
                    port.read.valid & port.read.ready, port.write.valid & port.write.ready
                )
                times.extend([cycle] * (r + w))
                cycle += 1
            for _ in range(40):  # the last words are still on their way to the chip
                await ctx.tick()

        async def stable(ctx):
            await bench.check_stable(ctx, port.read)

        top = Module()
        top.submodules.dut = self.dut
        bench.run(
            top,
            ask,
            put,
            take,
            watch,
            background=(at_the_pins(pins, self.model), stable),
            deadline=deadline,
        )
        assert got == self.expected
        for at, word in self.memory.items():
            place = at >> 9 & 3, at >> 11, at & 511
            assert self.model.words[place] == word
        return times


def mixed(rng, count, *, longest=BLOCK, span=4 * BANK_ROW, writes=0.5):
    """Return random bursts of a few rows of each bank."""
    bursts = []
    for _ in range(count):
        length = rng.choice((1, 2, 3, rng.randint(1, longest), longest))
        address = rng.randrange(span // BLOCK) * BLOCK + rng.randint(0, BLOCK - length)
        bursts.append((int(rng.random() < writes), address, length))
    return bursts


@pytest.mark.parametrize(
    "name, clock",
    [
        *((name, 110e6) for name in CHIPS),
        ("W9825G6KH-6", 133e6),
        ("W9825G6KH-6", 160e6),
        ("MT48LC16M16A2-75", 50e6),
        ("MT48LC16M16A2-75", 100e6),
    ],
)
@pytest.mark.parametrize("stalls", [(0, 0, 0), (6, 2, 2)], ids=["streaming", "stalling"])
def test_every_chip_gives_back_what_was_written(name, clock, stalls):
    rng = random.Random(f"{name} {clock} {stalls}")
    rig = Rig(CHIPS[name], clock)
    rig.run(mixed(rng, 40, longest=40), stalls=stalls)
    assert min(rig.model.counts[name] for name in ("REFRESH", "ACTIVE", "READ", "WRITE")) > 0


@pytest.mark.slow
def test_whole_power_up():
    rig = Rig(hurry=False)
    rig.run([(1, 0, 1), (0, 0, 1)], deadline=30_000)
    rig = Rig()
    rig.model = SdramModel(SLOW, CLOCK)  # for which the controller is too early
    with pytest.raises(Violation, match="power-up"):
        rig.run([(1, 0, 1)])


def test_numbers_of_the_data_sheet_in_cycles():
    cycles = CHIPS["W9825G6KH-6"].cycles(100e6)
    assert (cycles.cas, cycles.rcd, cycles.rp, cycles.ras, cycles.wr, cycles.rfc) == (
        2,
        2,
        2,
        5,
        2,
        6,
    )
    cycles = CHIPS["MT48LC16M16A2-75"].cycles(110e6)
    assert (cycles.cas, cycles.rcd, cycles.rp, cycles.ras, cycles.wr, cycles.rfc) == (
        3,
        3,
        3,
        5,
        2,
        8,
    )
    # 8,192 refreshes in 64 ms, even if the last one comes a whole burst late.
    assert 8192 * cycles.refi + 300 <= 0.064 * 110e6
    with pytest.raises(ValueError, match="an SDRAM of 133 MHz cannot run at 150 MHz"):
        CHIPS["MT48LC16M16A2-75"].cycles(150e6)


def test_first_and_last_word_and_longest_burst():
    top = SLOW.memory_bytes // 2
    edges = [(0, BLOCK), (top - BLOCK, BLOCK), (top - 1, 1), (0, 1), (ROW - 1, 1), (ROW, 1)]
    Rig().run([(write, *edge) for write in (1, 0) for edge in edges])


@pytest.mark.slow
def test_words_that_nobody_takes_do_not_stop_refreshes():
    rig = Rig()
    rig.run([(1, 0, 256), (0, 0, 256)], stalls=(0, 40, 40), deadline=40_000)
    assert rig.model.counts["REFRESH"] > 8 + 8


def efficiency(bursts, clock=CLOCK):
    """Return words per cycle, from the hundredth word on."""
    times = Rig(clock=clock).run(bursts, deadline=40_000)
    return (len(times) - 101) / (times[-1] - times[100])


@pytest.mark.slow
@pytest.mark.parametrize("clock", [100e6, CLOCK, 133e6])
def test_bandwidth(clock):
    """Of 64 bytes and more at least 90 %, but where each burst needs a row of its own."""
    rng = random.Random(1)
    chunk = 32
    sequential = [(0, at, chunk) for at in range(0, 8 * ROW, chunk)]
    assert efficiency(sequential, clock) > 0.95
    assert efficiency([(1, at, n) for _, at, n in sequential], clock) > 0.95
    # Reads at one place, writes at another, in turns.
    copy = [
        (write, at + write * (BANK_ROW * 9 + ROW), chunk)
        for at in range(0, 4 * ROW, chunk)
        for write in (0, 1)
    ]
    assert efficiency(copy, clock) > 0.90
    long = [(rng.randint(0, 1), rng.randrange(64) * BLOCK, BLOCK) for _ in range(24)]
    assert efficiency(long, clock) > 0.92
    # Rows at random, of the next bank each time: only opening them costs a cycle or two.
    rows = [(0, rng.randrange(99) * BANK_ROW + n % 4 * ROW, chunk) for n in range(100)]
    assert efficiency(rows, clock) > 0.90


@pytest.mark.parametrize(
    "name, by, text",
    [
        ("cas", -1, "CAS latency"),
        ("turn", -1, "drives the bus"),
        ("rcd", -1, "tRCD"),
        ("rp", -1, "tRP"),
        ("ras", -1, "tRAS|tRC"),
        ("wr", -1, "tWR"),
        ("rfc", -1, "tRFC|tRC"),
        ("refi", 1000, "tREF"),
    ],
)
def test_a_controller_that_waits_too_little_is_found_out(name, by, text):
    rng = random.Random(name)
    # At a clock at which each takes longer than the states of the controller do by themselves.
    rig = Rig(replace(CHIPS["W9825G6KH-6"], wr=18), 160e6, **{name: by})
    bursts = [
        (rng.randint(0, 1), rng.randrange(8) * ROW + rng.randrange(250), rng.randint(1, 3))
        for _ in range(300)
    ]
    with pytest.raises(Violation, match=text):
        rig.run(bursts * 3, deadline=40_000)


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
def test_refresh_as_the_cycle_model_has_it(write):
    """Words pass in every cycle but for refreshes, and one or two where a row ends."""
    clock = 100e6
    times = Rig(clock=clock).run([(write, at, BLOCK) for at in range(0, 8 * BLOCK, BLOCK)])
    gaps = [(at, next_at - at - 1) for at, next_at in pairwise(times)]
    refreshes = [(at, lost) for at, lost in gaps if lost > 2]
    assert [lost for _, lost in refreshes] == [timing.REFRESH] * 2
    assert refreshes[1][0] - refreshes[0][0] == timing.REFRESH_EVERY

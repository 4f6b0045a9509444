"""cocotb tests of a family's components; pytest starts them through test_tech_ecp5_rtl."""

import random

import cocotb
from amaranth.hdl import Shape
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge
from tech_pair import Cases
from weft_hw.tech.memories import READ_LATENCY
from weft_hw.tech.multipliers import MULTIPLIER_LATENCY, wide_latency
from weft_sim.testing.rtl import config_from_env

CASES = list(enumerate(config_from_env(Cases).each()))
CYCLES = 2500


class Pair:
    """Ports of one pair, and how many different outputs it has shown."""

    def __init__(self, dut, index, case, settle):
        self.dut, self.index, self.case, self.settle = dut, index, case, settle
        self.distinct = set()

    def port(self, name):
        return getattr(self.dut, f"p{self.index}__{name}")

    def outputs(self, side):
        if self.case.kind.endswith("_column"):
            return [
                int(self.port(f"{side}__{index}").value)
                for index in range(self.case.words * self.case.columns * self.case.rows)
            ]
        return [int(self.port(side).value)]

    def check(self, cycle):
        if cycle <= self.settle:  # the memories' registers have no reset
            return
        got, want = self.outputs("got"), self.outputs("want")
        assert got == want, (self.case, cycle)
        self.distinct.add(tuple(want))


def pairs_of(dut, *kinds, settle):
    return [Pair(dut, index, case, settle(case)) for index, case in CASES if case.kind in kinds]


async def run(dut, pairs, drive):
    dut.rst.value = 1
    Clock(dut.clk, 10, unit="ns").start()
    for _ in range(2):
        await FallingEdge(dut.clk)
    dut.rst.value = 0
    for cycle in range(CYCLES):
        for pair in pairs:
            drive(pair)
        await FallingEdge(dut.clk)
        for pair in pairs:
            pair.check(cycle)
    for pair in pairs:
        assert len(pair.distinct) >= 2, pair.case
    assert sum(len(pair.distinct) for pair in pairs) >= 50 * len(pairs)


def operand(rng, bits):
    top = 1 << bits - 1
    return rng.choice((0, 1, top - 1, top, 2 * top - 1, rng.getrandbits(bits)))


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def multiplies(dut):
    rng = random.Random(cocotb.RANDOM_SEED)

    def drive(pair):
        pair.port("a").value = operand(rng, pair.case.a[0])
        pair.port("b").value = operand(rng, pair.case.b[0])
        if hasattr(dut, f"p{pair.index}__nudge"):
            pair.port("nudge").value = rng.getrandbits(1)

    kinds = "dsp", "fabric", "dense", "wide_multiplier", "wide_dsp"
    await run(
        dut,
        pairs_of(
            dut, *kinds, settle=lambda case: max(MULTIPLIER_LATENCY, wide_latency(Shape(*case.b)))
        ),
        drive,
    )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def multiplies_sums(dut):
    rng = random.Random(cocotb.RANDOM_SEED)

    def drive(pair):
        for name in ("x", "other", "y"):
            for index in range(2):
                pair.port(f"{name}__{index}").value = operand(rng, 8)
        pair.port("choose").value = rng.getrandbits(1)

    await run(
        dut, pairs_of(dut, "pair_dsp", "pair_fabric", settle=lambda case: MULTIPLIER_LATENCY), drive
    )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def adds(dut):
    rng = random.Random(cocotb.RANDOM_SEED)

    def drive(pair):
        addend = pair.port("addend")
        addend.value = operand(rng, pair.case.a[0])
        pair.port("a").value, pair.port("b").value = operand(rng, 8), operand(rng, 8)

    await run(dut, pairs_of(dut, "multiply_add", settle=lambda case: MULTIPLIER_LATENCY + 1), drive)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def accumulates(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    begun = set()

    def drive(pair):
        pair.port("value").value = operand(rng, pair.case.a[0])
        pair.port("enable").value = rng.random() < 0.8 or pair.index not in begun
        pair.port("add").value = rng.random() < 0.9 and pair.index in begun
        begun.add(pair.index)

    await run(dut, pairs_of(dut, "accumulator", settle=lambda case: 1), drive)


def addresses(rng, depth):
    """A few words everywhere, so that most reads find what was written."""
    edges = (0, 1, 511, 512, 1023, 1024, 2047, 2048, 4095, 4096, depth - 1)
    return sorted({*(k for k in edges if k < depth), *(rng.randrange(depth) for _ in range(8))})


def groups(rng, depth, words):
    """The first, the last and some more groups of ``words`` words, whole."""
    firsts = {word - word % words for word in addresses(rng, depth)}
    some = [*sorted(firsts)[: 20 // words], max(firsts)]
    return [first + k for first in some for k in range(words) if first + k < depth]


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def remembers(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    places = {case: addresses(rng, case.depth) for _, case in CASES if case.kind == "block_ram"}

    def drive(pair):
        case = pair.case
        read, write = (rng.choice(places[case]) for _ in range(2))
        pair.port("read_address").value, pair.port("write_address").value = read, write
        pair.port("write_data").value = rng.getrandbits(case.width)
        enable = rng.getrandbits(case.width // (case.granularity or case.width))
        pair.port("write_enable").value = enable if read != write else 0

    await run(dut, pairs_of(dut, "block_ram", settle=lambda case: READ_LATENCY), drive)


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_rows_staggered(dut):
    rng = random.Random(cocotb.RANDOM_SEED)
    columns = {
        case: (addresses(rng, case.depth), [0] * case.rows)
        for _, case in CASES
        if case.kind == "weight_column"
    }

    def drive(pair):
        case = pair.case
        places, recent = columns[case]
        recent[:] = [rng.choice(places), *recent[:-1]]
        for row in range(case.rows):
            pair.port(f"read_address__{row}").value = recent[row // case.at_once]
        pair.port("write_address").value = write = rng.choice(places)
        pair.port("write_data").value = rng.getrandbits(case.rows * 8)
        # Never a word that some row is about to read: its bytes would come from two versions.
        enable = rng.getrandbits(case.columns) if case.columns > 1 else 1
        pair.port("write_enable").value = 0 if write in recent else enable

    await run(
        dut, pairs_of(dut, "weight_column", settle=lambda case: case.rows + READ_LATENCY), drive
    )


@cocotb.test(timeout_time=1, timeout_unit="ms")
async def keeps_rows_between_loads(dut):
    """Memories of one port: written and read in turns, compared while they are read."""
    rng = random.Random(cocotb.RANDOM_SEED)
    pairs = pairs_of(dut, "loaded_column", settle=lambda case: 0)
    columns = {
        pair.index: (groups(rng, pair.case.depth, pair.case.words), [0] * pair.case.rows)
        for pair in pairs
    }
    dut.rst.value = 1
    if pairs:
        Clock(dut.clk, 10, unit="ns").start()
    for cycle in range(CYCLES if pairs else 0):
        dut.rst.value = 0
        phase = cycle % 100
        for pair in pairs:
            places, recent = columns[pair.index]
            recent[:] = [rng.choice(places), *recent[:-1]]
            for row in range(pair.case.rows):
                pair.port(f"read_address__{row}").value = recent[row // pair.case.at_once]
            loads = phase < 50
            # Each word is written whole before anything is compared.
            pair.port("write_address").value = places[phase % len(places)]
            pair.port("write_data").value = rng.getrandbits(pair.case.rows * 8)
            pair.port("write_enable").value = loads * (
                3 if phase < len(places) else rng.getrandbits(2)
            )
        await FallingEdge(dut.clk)
        for pair in pairs:
            if phase > 50 + READ_LATENCY + 2 + pair.case.rows:
                pair.check(1)
    assert all(len(pair.distinct) > 50 for pair in pairs)

"""Fill: each input word once, neither before it exists nor before there is room for it."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.input.fill import Fill
from weft_sim.testing import bench

SMALLEST = Config(
    name="smallest", tap_rows=1, columns=2, lanes=1, tile=1, line_words=4, activation_words=300
)
CONFIGS = [
    SMALLEST,
    get_config("tiny"),
    Config(name="four", tap_rows=3, columns=4, lanes=1, tile=1, line_words=32),
    Config(
        name="pairs",
        tap_rows=2,
        columns=2,
        lanes=1,
        tile=1,
        line_words=16,
        fill_words=2,
        activation_words=301,
    ),
    Config(name="four-pairs", tap_rows=3, columns=4, lanes=1, tile=1, line_words=32, fill_words=2),
]
LATENCY = 3


class Lines:
    """Activation memory before the component, line buffers behind it."""

    def __init__(self, dut, rng):
        self.dut, self.config = dut, dut.config
        self.memory = [
            int.from_bytes(rng.bytes(self.config.columns), "little")
            for _ in range(self.config.activation_words + 1)
        ]
        self.lines = np.full((self.config.line_banks, self.config.line_words), -1, object)
        self.reads, self.cycle = [], 0
        self.rng, self.held = rng, 0.0  # how often the port is taken
        self.pipe = [[0] * self.config.fill_words] * LATENCY

    async def tick(self, ctx):
        dut = self.dut
        hold = self.rng.random() < self.held
        ctx.set(dut.hold, int(hold))
        assert not (hold and ctx.get(dut.read_enable))
        if ctx.get(dut.read_enable):
            self.reads.append((self.cycle, ctx.get(dut.read_address)))
        size = self.config.fill_words
        group = ctx.get(dut.read_address) // size * size % (len(self.memory) - size + 1)
        self.pipe.append(self.memory[group : group + size])
        banks = []
        for write in dut.write:
            if ctx.get(write.enable):
                banks.append(ctx.get(write.bank))
                self.lines[banks[-1], ctx.get(write.address)] = ctx.get(write.data)
        assert len(set(banks)) == len(banks)
        await ctx.tick()
        self.cycle += 1
        ctx.set(dut.read_words, self.pipe[-LATENCY])

    def row(self, descriptor, row):
        """Words of input row ``row`` where the line buffers should hold it."""
        config, result = self.config, []
        bank, slot = row % config.line_banks, row // config.line_banks
        start = (slot << descriptor["row_bits"]) % config.line_words
        for word in range(descriptor["row_words"]):
            # Odd words of a pair lie half of the banks further on.
            odd = config.line_banks // 2 if config.fill_words > 1 and word % 2 else 0
            result.append(self.lines[bank ^ odd, start + word])
        return result

    def groups(self, descriptor, row):
        """Addresses at which the row is read, one a cycle."""
        base, size = descriptor.get("in_base", 0), self.config.fill_words
        start = base + row * (descriptor["row_words"] + descriptor.get("row_gap", 0))
        words = range(start, start + descriptor["row_words"])
        return [a for a in words if a == words[0] or a % size == 0]

    def expected(self, descriptor, row):
        base = descriptor["in_base"] + row * (
            descriptor["row_words"] + descriptor.get("row_gap", 0)
        )
        return self.memory[base : base + descriptor["row_words"]]


def layer(config, rng):
    words = int(rng.integers(1, min(config.line_words, 9)))
    rows = int(rng.integers(1, 14))
    gap = int(rng.integers(0, (config.activation_words - words) // rows - words + 1))
    gap *= int(rng.random() < 0.5)
    return {
        "in_base": int(rng.integers(0, config.activation_words - rows * (words + gap) + 1)),
        "row_gap": gap,
        "row_words": words,
        "row_bits": (words - 1).bit_length(),
        "fill_rows": rows,
        "in_height": rows + int(rng.integers(3)),
    }


async def begin(ctx, dut, descriptor, lines):
    ctx.set(dut.descriptor, descriptor)
    ctx.set(dut.begin, 1)
    await lines.tick(ctx)
    ctx.set(dut.begin, 0)


@pytest.mark.parametrize("wait", ["streaming", "rows-come-late", "rows-leave-late", "held"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_fills_every_row(config, wait):
    rng = bench.generator()
    dut = Fill(config)
    lines = Lines(dut, rng)
    lines.held = 0.5 if wait == "held" else 0.0

    async def drive(ctx):
        for _ in range(6):
            descriptor = layer(config, rng)
            rows, words = descriptor["fill_rows"], descriptor["row_words"]
            room = config.line_banks * (config.line_words >> descriptor["row_bits"])
            ready, low, checked = (0 if wait == "rows-come-late" else rows + 2), 0, 0
            ctx.set(dut.rows_ready, ready)
            ctx.set(dut.low_row, low)
            await begin(ctx, dut, descriptor, lines)
            lines.reads.clear()
            while checked < rows:
                assert ctx.get(dut.filled_rows) <= rows
                while checked < ctx.get(dut.filled_rows):
                    assert lines.row(descriptor, checked) == lines.expected(descriptor, checked)
                    checked += 1
                for needed in range(low, checked):  # nothing that is still needed is replaced
                    assert lines.row(descriptor, needed) == lines.expected(descriptor, needed)
                # A whole row is asked for as soon as it exists and has room, not before.
                allowed = min(rows, ready, low + room)
                assert len(lines.reads) <= sum(
                    len(lines.groups(descriptor, row)) for row in range(allowed)
                )
                if wait == "rows-come-late" and rng.random() < 0.1:
                    ready += 1
                late = wait == "rows-leave-late" and rng.random() < 0.9
                if low < checked and not late:
                    low += 1
                ctx.set(dut.rows_ready, ready)
                ctx.set(dut.low_row, low)
                await lines.tick(ctx)
            for _ in range(words + 8):
                await lines.tick(ctx)
            assert [a for _, a in lines.reads] == [
                a for row in range(rows) for a in lines.groups(descriptor, row)
            ]
            assert ctx.get(dut.filled_rows) == rows

    bench.run(dut, drive, deadline=20_000)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_group_per_cycle_and_one_cycle_between_rows(config):
    rng = bench.generator(2)
    dut = Fill(config)
    lines = Lines(dut, rng)
    words = min(config.line_words, 8)
    rows = min(config.line_banks * config.line_words // words, 5)
    descriptor = {
        "row_words": words,
        "row_bits": (words - 1).bit_length(),
        "fill_rows": rows,
        "in_height": rows,
    }

    async def drive(ctx):
        ctx.set(dut.rows_ready, rows)
        await begin(ctx, dut, descriptor, lines)
        while ctx.get(dut.filled_rows) < rows:
            await lines.tick(ctx)
        first = lines.reads[0][0]
        reads = words // config.fill_words
        assert [cycle - first for cycle, _ in lines.reads] == [
            row * (reads + 1) + word for row in range(rows) for word in range(reads)
        ]
        # A row counts from the cycle after its last word was written on.
        assert lines.cycle == lines.reads[-1][0] + LATENCY + 2

    bench.run(dut, drive, deadline=2000)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_a_new_layer_forgets_the_one_before(config):
    """A layer may be done before all of its rows were read; none of them counts for the next."""
    rng = bench.generator(3)
    dut = Fill(config)
    lines = Lines(dut, rng)
    words = min(config.line_words, 3)
    old = {
        "row_words": words,
        "row_bits": (words - 1).bit_length(),
        "fill_rows": 12,
        "in_height": 12,
    }
    new = {**old, "in_base": 50, "fill_rows": 1, "in_height": 1}

    async def drive(ctx):
        for cycles in range(1, 4 * words + 6):
            ctx.set(dut.low_row, 0)
            ctx.set(dut.rows_ready, 12)
            await begin(ctx, dut, old, lines)
            for _ in range(cycles):
                await lines.tick(ctx)
            ctx.set(dut.rows_ready, 0)
            await begin(ctx, dut, new, lines)
            for _ in range(12):
                await lines.tick(ctx)
                assert ctx.get(dut.filled_rows) == 0, f"begin after {cycles} cycles"
            ctx.set(dut.rows_ready, 1)
            for _ in range(words + 8):
                if ctx.get(dut.filled_rows):
                    break
                await lines.tick(ctx)
            assert ctx.get(dut.filled_rows) == 1
            assert lines.row(new, 0) == lines.expected(new, 0)

    bench.run(dut, drive, deadline=20_000)

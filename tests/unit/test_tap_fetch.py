"""TapFetch: the taps of every position, inside and outside the input, whatever the packing."""

from typing import Any

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.input.tap_fetch import TapFetch
from weft_sim.testing import bench

SMALLEST = Config(name="smallest", tap_rows=1, columns=4, lanes=1, tile=1, line_words=4)
CONFIGS = [
    SMALLEST,
    get_config("tiny"),
    Config(name="pair", tap_rows=3, columns=8, lanes=1, tile=1, pixels=2, line_words=32),
    Config(name="four", tap_rows=2, columns=4, lanes=1, tile=1, pixels=4, line_words=32),
    Config(name="pairs", tap_rows=3, columns=4, lanes=1, tile=1, line_words=32, fill_words=2),
    Config(
        name="two-banks",
        tap_rows=1,
        columns=8,
        lanes=1,
        tile=1,
        pixels=2,
        line_words=32,
        fill_words=2,
    ),
    Config(
        name="own",
        tap_rows=2,
        columns=4,
        lanes=1,
        tile=1,
        pixels=4,
        line_words=32,
        own_weights=True,
    ),
]
READ_LATENCY, LATENCY, COUNT = 2, 8, 80


class Layer:
    """An input in the line buffers, and random positions around its edges."""

    def __init__(self, config, rng):
        self.config, self.rng = config, rng
        self.row_bits = int(rng.integers(0, config.line_words.bit_length()))
        self.rows_held = config.line_banks * (config.line_words >> self.row_bits)
        self.packing = int(rng.integers(0, 3))
        self.height = int(rng.integers(1, 40))
        self.width = int(rng.integers(1, 20))
        self.dilation_y = int(rng.integers(1, 4))
        self.own = config.own_weights and bool(rng.integers(0, 3))
        self.stride_y = 0 if self.own else int(rng.integers(1, 4))
        self.pad_value = int(rng.choice([-128, 127, int(rng.integers(-128, 128))]))
        self.descriptor = {
            "row_bits": self.row_bits,
            "packing": self.packing,
            "in_height": self.height,
            "in_width": self.width,
            "dilation_y": self.dilation_y,
            "stride_y": self.stride_y,
            "own_weights": int(self.own),
            "pad_value": self.pad_value,
        }
        shape = config.line_banks, config.line_words, config.columns
        self.banks = rng.integers(-128, 128, shape)

    def fetch(self):
        """A position: often the first or last row or column, or one beside it."""
        rng, config = self.rng, self.config
        units = (1 << self.row_bits) << self.packing
        edges = [-1, 0, self.height - 1, self.height]
        # Rows of other pixels lie in different line buffers if the stride is odd.
        every = int(config.pixels > 1 and self.stride_y % 2 == 1 and rng.random() < 0.4)
        every |= int(self.own)
        return {
            "row": int(rng.choice(edges) if rng.random() < 0.5 else rng.integers(-5, 45)),
            "column": int(
                rng.choice([-1, 0, self.width - 1, self.width])
                if rng.random() < 0.5
                else rng.integers(-3, 23)
            ),
            "unit": int(rng.integers(0, units)),
            "every": every,
            "pixel": int(rng.integers(config.pixels)),
            "complete": int(rng.integers(2)),
            "window": {
                name: int(rng.integers(2))
                for name in ("channels", "first", "last", "group_end", "final_group")
            }
            | {
                "steps_minus_1": int(rng.integers(16)),
                "last_pixel": int(rng.integers(config.pixels)),
            },
        }

    def words(self, fetch):
        """Bytes of each word, None where the contract leaves them open."""
        config, result, banks = self.config, [], set()
        size = config.columns >> self.packing
        # Where rows may have weights of their own, columns of taps are for every pixel, too.
        spread = fetch["every"] and (fetch["window"]["channels"] or not config.own_weights)
        step = self.stride_y if spread else self.dilation_y
        for i in range(config.fetch_rows):
            row = fetch["row"] + i * step
            inside = 0 <= row < self.height and 0 <= fetch["column"] < self.width
            bank = row % config.line_banks
            known = [None] * config.columns
            if not inside:
                known = [self.pad_value] * config.columns
            elif bank not in banks:  # of two rows in one bank, the first is read
                slot = (row // config.line_banks << self.row_bits) % config.line_words
                word, part = divmod(fetch["unit"], 1 << self.packing)
                # Odd words of a pair lie half of the banks further on.
                odd = config.line_banks // 2 if config.fill_words > 1 and word % 2 else 0
                known[:size] = self.banks[bank ^ odd, slot + word][part * size :][:size].tolist()
            banks.add(bank)
            result.append(known)
        return result


def signed_bytes(value, count):
    return np.frombuffer(value.to_bytes(count, "little"), np.int8).tolist()


def check(config, layer, fetch, payload):
    for name in ("pixel", "every", "complete"):
        assert payload[name] == fetch[name]
    assert {name: payload.window[name] for name in fetch["window"]} == fetch["window"]
    for word, known in zip(payload.words, layer.words(fetch), strict=True):
        for got, expected in zip(signed_bytes(word, config.columns), known, strict=True):
            assert expected is None or got == expected, fetch


class Bench:
    """The walker's and the line buffers' side of the component."""

    def __init__(self, dut):
        self.dut, self.pipe = dut, []
        self.layer: Any = None
        self.issued = [0, 0]  # a decision is followed by its fetch 3 cycles later

    async def tick(self, ctx, fetch=None, issue=0):
        """One cycle; line buffers answer 2 cycles after their addresses."""
        dut = self.dut
        ctx.set(dut.issue, issue)
        ctx.set(dut.valid, fetch is not None)
        if fetch is not None:
            ctx.set(dut.fetch, fetch)
        self.pipe.append(
            [
                int.from_bytes(bytes(b & 255 for b in self.layer.banks[bank, address]), "little")
                for bank, address in enumerate(ctx.get(dut.read_address))
            ]
        )
        await ctx.tick()
        if len(self.pipe) >= READ_LATENCY:
            ctx.set(dut.read_data, self.pipe[-READ_LATENCY])


@pytest.mark.parametrize("most", [0, 3, 25], ids=["streaming", "stalling", "stopping"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_every_column_arrives(config, most):
    rng = bench.generator()
    dut = TapFetch(config)
    harness = Bench(dut)
    progress = {"wanted": [], "taken": 0}

    async def take(ctx):
        stall = bench.stalls(rng, most)
        while True:
            [payload] = await bench.recv(ctx, dut.o, 1, stall)
            fetch = progress["wanted"][progress["taken"]]
            check(config, harness.layer, fetch, payload)
            progress["taken"] += 1

    async def drive(ctx):
        for _ in range(4):
            harness.layer = layer = Layer(config, rng)
            ctx.set(dut.descriptor, layer.descriptor)
            fetches = [layer.fetch() for _ in range(COUNT)]
            progress.update(wanted=fetches, taken=0)
            for _ in range(3):
                await harness.tick(ctx)
            assert ctx.get(dut.empty)
            sent, issued, pending = 0, 0, [0, 0]
            while progress["taken"] < COUNT:
                issue = int(issued < COUNT and ctx.get(dut.room) and rng.random() < 0.9)
                issued += issue
                pending.append(issue)
                fetch = None
                if pending[-3]:
                    fetch, sent = fetches[sent], sent + 1
                await harness.tick(ctx, fetch, issue)
                assert ctx.get(dut.empty) == (progress["taken"] == issued) or ctx.get(dut.o.ready)

    async def stable(ctx):
        await bench.check_stable(ctx, dut.o)

    bench.run(dut, drive, background=[take, stable], deadline=COUNT * 4 * (most + 8) + 500)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_latency_and_rate(config):
    rng = bench.generator(2)
    dut = TapFetch(config)
    harness = Bench(dut)
    harness.layer = layer = Layer(config, rng)
    fetches = [layer.fetch() for _ in range(40)]

    async def drive(ctx):
        ctx.set(dut.descriptor, layer.descriptor)
        ctx.set(dut.o.ready, 1)
        for _ in range(3):
            await harness.tick(ctx)
        for cycle in range(42 + LATENCY):
            # A new column every cycle, each decided on 3 cycles before.
            k = cycle - 2
            assert ctx.get(dut.room)
            if (n := k - LATENCY) >= 0:
                assert ctx.get(dut.o.valid), cycle
                check(config, layer, fetches[n], ctx.get(dut.o.payload))
            else:
                assert not ctx.get(dut.o.valid)
            await harness.tick(ctx, fetches[k] if 0 <= k < 40 else None, int(cycle < 40))
        assert not ctx.get(dut.o.valid) and ctx.get(dut.empty)

    bench.run(dut, drive, deadline=100)

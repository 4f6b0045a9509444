"""ActivationMemory: the engine first, the host in the gaps, every byte where it belongs."""

import numpy as np
import pytest
from weft_hw.contract.config import Config, get_config
from weft_hw.engine.activation_memory import ActivationMemory
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

CONFIGS = [
    Config(name="smallest", tap_rows=1, columns=2, lanes=2, tile=1, activation_words=1),
    get_config("tiny"),
    Config(name="four", tap_rows=1, columns=8, lanes=2, tile=1, activation_words=37),
    Config(name="pairs", tap_rows=2, columns=4, lanes=2, tile=1, activation_words=37, fill_words=2),
    Config(
        name="pairs-of-beats",
        tap_rows=2,
        columns=2,
        lanes=2,
        tile=1,
        activation_words=8,
        fill_words=2,
    ),
]
LATENCY, CYCLES = 3, 500


@pytest.mark.parametrize("busy", [1.0, 0.5], ids=["streaming", "stalling"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)
def test_engine_and_host(config, busy):
    rng = bench.generator()
    words, columns, lanes = config.activation_words, config.columns, config.lanes
    size = config.fill_words
    memory = np.zeros((words + 1, columns), np.uint8)  # the last group may not be whole
    dut = ActivationMemory(config, Portable())
    near = min(words, 6)  # few words, so that reads meet writes

    def address():
        return int(rng.choice([*range(near), words - 1]))

    async def drive(ctx):
        # (expected bytes of a group or None, place in it, for the host) of each cycle
        reads: list[tuple[np.ndarray | None, int, bool]] = [(None, 0, False)] * LATENCY
        refused, taken = 0, False
        for _ in range(CYCLES):
            engine_reads, host_reads = rng.random() < busy, bool(rng.random() < 0.5)
            places = address(), address(), address(), address()
            ctx.set(dut.read_enable, engine_reads)
            ctx.set(dut.read_address, places[0])
            ctx.set(dut.host_read_enable, host_reads)
            ctx.set(dut.host_read_address, places[1])
            beats = rng.random() < busy
            lanes_written = int(rng.integers(1, 1 << lanes)) if beats else 0
            beat = rng.integers(0, 256, lanes)
            half = int(rng.integers(config.beats))
            ctx.set(dut.beat_enable, lanes_written)
            ctx.set(dut.beat_address, places[2] * config.beats + half)
            ctx.set(dut.beat, beat.tolist())
            host_writes, row = bool(rng.random() < 0.5), rng.integers(0, 256, columns)
            ctx.set(dut.host_write_enable, host_writes)
            ctx.set(dut.host_write_address, places[3])
            ctx.set(dut.host_write_data, int.from_bytes(row.astype(np.uint8).tobytes(), "little"))
            assert ctx.get(dut.host_read_taken) == taken
            assert ctx.get(dut.host_write_ready) == (not beats)
            refused += (host_reads and engine_reads) + (host_writes and beats)

            written = places[2] if beats else places[3] if host_writes else None
            for_host = taken = host_reads and not engine_reads and not taken
            place = places[0] if engine_reads else places[1] if for_host else None
            # A word that is written in the same cycle may come old or new.
            group = None if place is None else place // size
            known = group is not None and (written is None or group != written // size)
            part = memory[group * size :][:size].copy() if known and group is not None else None
            reads.append((part, (place or 0) % size, for_host))
            if beats:
                for lane in range(lanes):
                    if lanes_written >> lane & 1:
                        memory[places[2], half * lanes + lane] = beat[lane]
            elif host_writes:
                memory[places[3]] = row
            await ctx.tick()
            expected, index, host = reads[-LATENCY]
            assert ctx.get(dut.host_read_valid) == host
            if expected is not None:
                got = ctx.get(dut.read_data).to_bytes(columns, "little")
                assert got == expected[index].tobytes()
                for word, wanted in zip(ctx.get(dut.read_words), expected, strict=True):
                    assert word.to_bytes(columns, "little") == wanted.tobytes()
        assert refused > CYCLES // 10

    bench.run(dut, drive, deadline=CYCLES + 10)

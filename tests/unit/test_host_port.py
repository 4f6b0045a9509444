"""Host port: a read finds what was written before it, however long the engine lets it wait."""

import pytest
from amaranth.hdl import Module
from weft_hw.contract.config import Config, get_config
from weft_hw.contract.memory_map import Region
from weft_hw.engine.activation_memory import ActivationMemory
from weft_hw.engine.host_port import HostPort
from weft_hw.tech.portable import Portable
from weft_sim.testing import bench

SMALLEST = Config(name="smallest", tap_rows=1, tap_columns=1, columns=2, lanes=1, tile=1)
ADDRESSES = 4


@pytest.mark.parametrize("busy", [0, 1, 2, 20], ids=lambda cycles: f"busy{cycles}")
@pytest.mark.parametrize(
    "config", [SMALLEST, get_config("ulx3s-85f")], ids=lambda config: config.name
)
def test_a_read_finds_what_was_written_before_it(config, busy):
    """The engine, which is the test, writes elsewhere for some cycles after the unit was given."""
    rng = bench.generator()
    dut = Module()
    dut.submodules.port = port = HostPort(config)
    dut.submodules.memory = memory = ActivationMemory(config, Portable())
    dut.d.comb += [
        memory.host_write_enable.eq(port.store.enable[Region.ACTIVATION]),
        memory.host_write_address.eq(port.store.address),
        memory.host_write_data.eq(port.store.data),
        port.store_ready.eq(memory.host_write_ready),
        memory.host_read_address.eq(port.fetch_address),
        memory.host_read_enable.eq(port.fetch_enable),
        port.fetch_taken.eq(memory.host_read_taken),
        port.fetch_valid.eq(memory.host_read_valid),
        port.fetch_data.eq(memory.read_data),
    ]
    unit_bits = 8 * config.columns
    written = [
        (int(rng.integers(ADDRESSES)), int.from_bytes(rng.bytes(unit_bits // 8), "little"))
        for _ in range(12)
    ]
    written += [(0, (1 << unit_bits) - 1), (0, 0)]

    async def drive(ctx):
        ctx.set(memory.beat_address, ADDRESSES * config.beats)
        for address, word in written:
            unit = {"region": Region.ACTIVATION, "address": address, "data": word}
            await bench.send(ctx, port.write, [unit])
            for cycle in range(busy):
                ctx.set(memory.beat_enable, -1)
                if not cycle:
                    ctx.set(port.read.payload, {"region": Region.ACTIVATION, "address": address})
                    ctx.set(port.read.valid, 1)
                accepted = ctx.get(port.read.ready)
                await ctx.tick()
                assert not accepted, "a read is on its way before the write that it follows"
            ctx.set(memory.beat_enable, 0)
            await bench.send(ctx, port.read, [{"region": Region.ACTIVATION, "address": address}])
            assert await bench.recv(ctx, port.data, 1) == [word]

    bench.run(dut, drive, deadline=60 * len(written))

#!/usr/bin/env bash
# luna-usb 0.2.3, a bulk OUT endpoint. One would expect that SET_CONFIGURATION begins its packet numbers
# with DATA0 again, as it does for the host (USB 2.0, 9.1.1.5). The endpoint listens to
# CLEAR_FEATURE(ENDPOINT_HALT) alone: neither a bus reset nor SET_CONFIGURATION reaches the register. The
# first packet after either is then acknowledged and thrown away, if an odd number went before.
# Output seen: acknowledged: True, True; came out: ['0xa1']
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check luna-usb==0.2.3 amaranth==0.5.10
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from luna.gateware.usb.usb2.endpoints.stream import USBStreamOutEndpoint

endpoint = USBStreamOutEndpoint(endpoint_number=1, max_packet_size=64)
i = endpoint.interface
m = Module()
m.submodules.endpoint = endpoint
got = []


async def packet(ctx, number, byte):
    """One byte as LUNA's receiver hands it on; return whether it was acknowledged."""
    ctx.set(i.rx_pid_toggle, number)
    ctx.set(i.rx.valid, 1)
    await ctx.tick("usb")
    ctx.set(i.rx.next, 1)
    ctx.set(i.rx.payload, byte)
    await ctx.tick("usb")
    ctx.set(i.rx.next, 0)
    await ctx.tick("usb").repeat(3)
    ctx.set(i.rx.valid, 0)
    ctx.set(i.rx_complete, 1)
    await ctx.tick("usb")
    ctx.set(i.rx_complete, 0)
    await ctx.tick("usb").repeat(4)
    ctx.set(i.rx_ready_for_response, 1)
    await ctx.delay(0)
    acknowledged = bool(ctx.get(i.handshakes_out.ack))
    await ctx.tick("usb")
    ctx.set(i.rx_ready_for_response, 0)
    ctx.set(endpoint.stream.ready, 1)
    for _ in range(8):
        if ctx.get(endpoint.stream.valid):
            got.append(ctx.get(endpoint.stream.payload))
        await ctx.tick("usb")
    ctx.set(endpoint.stream.ready, 0)
    return acknowledged


async def bench(ctx):
    ctx.set(i.tokenizer.endpoint, 1)
    ctx.set(i.tokenizer.is_out, 1)
    ctx.set(i.active_config, 1)
    first = await packet(ctx, 0, 0xA1)
    # The host resets the bus and configures the device again.
    ctx.set(i.active_config, 0)
    await ctx.tick("usb").repeat(10)
    ctx.set(i.active_config, 1)
    await ctx.tick("usb").repeat(10)
    second = await packet(ctx, 0, 0xB2)
    print(f"acknowledged: {first}, {second}; came out: {[hex(byte) for byte in got]}")
    assert first and second and got == [0xA1], "it changed"


simulator = Simulator(m)
simulator.add_clock(1 / 60e6, domain="usb")
simulator.add_testbench(bench)
simulator.run()
PY

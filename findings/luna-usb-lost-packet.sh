#!/usr/bin/env bash
# luna-usb 0.2.3, a bulk OUT endpoint whose reader takes nothing. One would expect NAK for a packet that
# finds no room. The endpoint remembers that bytes were lost only until the packet's end, and answers
# later: two cycles later at high speed, where it still knows, ten at full speed (of a clock of 60 MHz).
# There it acknowledges the packet, which is gone: the host goes on with the next one.
# Output seen: answered after 2 cycles: ACK, NAK; after 10 cycles: ACK, ACK; came out: 64 bytes of 128
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check luna-usb==0.2.3 amaranth==0.5.10
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from luna.gateware.usb.usb2.endpoints.stream import USBStreamOutEndpoint


async def packet(ctx, i, number, wait):
    """64 bytes as LUNA's receiver hands them on; return the handshake."""
    ctx.set(i.rx_pid_toggle, number)
    ctx.set(i.rx.valid, 1)
    ctx.set(i.rx.next, 1)
    for byte in range(64):
        ctx.set(i.rx.payload, byte)
        await ctx.tick("usb")
    ctx.set(i.rx.next, 0)
    await ctx.tick("usb")
    ctx.set(i.rx.valid, 0)
    ctx.set(i.rx_complete, 1)
    await ctx.tick("usb")
    ctx.set(i.rx_complete, 0)
    await ctx.tick("usb").repeat(wait - 1)
    ctx.set(i.rx_ready_for_response, 1)
    await ctx.delay(0)
    shakes = [name for name in ("ack", "nak") if ctx.get(getattr(i.handshakes_out, name))]
    await ctx.tick("usb")
    ctx.set(i.rx_ready_for_response, 0)
    return "".join(shakes).upper()


def simulate(wait):
    """Return the handshakes of two packets, and the bytes that came out afterwards."""
    endpoint = USBStreamOutEndpoint(endpoint_number=1, max_packet_size=64)
    m, i, shakes, count = Module(), endpoint.interface, [], 0
    m.submodules.endpoint = endpoint

    async def bench(ctx):
        nonlocal count
        ctx.set(i.tokenizer.endpoint, 1)
        ctx.set(i.tokenizer.is_out, 1)
        for number in (0, 1):
            shakes.append(await packet(ctx, i, number, wait))
            await ctx.tick("usb").repeat(20)
        ctx.set(endpoint.stream.ready, 1)
        for _ in range(200):
            count += ctx.get(endpoint.stream.valid)
            await ctx.tick("usb")

    simulator = Simulator(m)
    simulator.add_clock(1e-6, domain="usb")
    simulator.add_testbench(bench)
    simulator.run()
    return shakes, count


high, full = simulate(2), simulate(10)
print(f"answered after 2 cycles: {', '.join(high[0])}; after 10 cycles: {', '.join(full[0])}; "
      f"came out: {full[1]} bytes of 128")
assert high == (["ACK", "NAK"], 64), high
assert full == (["ACK", "ACK"], 64), full
PY

#!/usr/bin/env bash
# luna-usb 0.2.3, the handler of standard requests. A host may give a control request up and begin the next
# one with a SETUP (USB 2.0, 8.5.3 and 5.5.5). One would expect the device to follow. The handler leaves the
# state of a request only at its end: a SET_DESCRIPTOR (which it does not know) that is given up before its
# data has the next GET_DESCRIPTOR refused, also behind a bus reset.
# Output seen: GET_DESCRIPTOR alone: answered; behind a SET_DESCRIPTOR that was given up: STALL
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check luna-usb==0.2.3 amaranth==0.5.10
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
from amaranth.hdl import Module
from amaranth.sim import Simulator
from luna.gateware.usb.request.standard import StandardRequestHandler
from usb_protocol.emitters import DeviceDescriptorCollection

SET_DESCRIPTOR, GET_DESCRIPTOR = 7, 6


def simulate(*given_up):
    """Return whether GET_DESCRIPTOR is refused behind these requests, which got no data phase."""
    descriptors = DeviceDescriptorCollection()
    with descriptors.DeviceDescriptor() as device:
        device.idVendor, device.idProduct, device.bNumConfigurations = 0x1209, 1, 1
    m, handler, refused = Module(), StandardRequestHandler(descriptors), []
    m.submodules.handler = handler
    i = handler.interface

    async def setup(ctx, request):
        fields = {"is_in_request": request == GET_DESCRIPTOR, "request": request}
        for name, value in {**fields, "value": 0x0100, "length": 18}.items():
            ctx.set(getattr(i.setup, name), value)
        ctx.set(i.setup.received, 1)
        await ctx.tick("usb")
        ctx.set(i.setup.received, 0)
        await ctx.tick("usb").repeat(4)

    async def bench(ctx):
        for request in (*given_up, GET_DESCRIPTOR):
            await setup(ctx, request)
        ctx.set(i.data_requested, 1)
        for _ in range(8):
            if ctx.get(i.handshakes_out.stall):
                refused.append(True)
            await ctx.tick("usb")
            ctx.set(i.data_requested, 0)

    simulator = Simulator(m)
    simulator.add_clock(1e-6, domain="usb")
    simulator.add_testbench(bench)
    simulator.run()
    return bool(refused)


alone, behind = simulate(), simulate(SET_DESCRIPTOR)
print(f"GET_DESCRIPTOR alone: {'STALL' if alone else 'answered'}; "
      f"behind a SET_DESCRIPTOR that was given up: {'STALL' if behind else 'answered'}")
assert (alone, behind) == (False, True)
PY

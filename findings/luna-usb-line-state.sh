#!/usr/bin/env bash
# luna-usb 0.2.3, its full-speed transceiver in gateware. One would expect that the idle line (D+ high,
# which USB 2.0 calls J) is what its reset sequencer takes for J. The transceiver puts D- into bit 0 of
# line_state and D+ into bit 1, the sequencer reads D+ from bit 0: an idle bus is K to it. So a device
# never sleeps, and 3 ms of silence are not noticed.
# Output seen: idle line: 0b10; the sequencer's J: 0b01, its K: 0b10; suspended after 20 ms: False
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check luna-usb==0.2.3 amaranth==0.5.10
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
from types import SimpleNamespace

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from luna.gateware.interface.gateware_phy import GatewarePHY
from luna.gateware.usb.usb2.reset import USBResetSequencer


def pin(level):
    return SimpleNamespace(i=Signal(init=level), o=Signal(), oe=Signal())


m = Module()
m.submodules.phy = phy = GatewarePHY(io=SimpleNamespace(d_p=pin(1), d_n=pin(0)))
m.submodules.sequencer = sequencer = USBResetSequencer()
m.d.comb += [
    sequencer.line_state.eq(phy.line_state),
    sequencer.vbus_connected.eq(1),
    sequencer.full_speed_only.eq(1),
]
seen = {}


async def look(ctx):
    await ctx.tick("usb").repeat(240_000)
    seen["line"], seen["suspended"] = ctx.get(phy.line_state), bool(ctx.get(sequencer.suspended))


simulator = Simulator(m)
simulator.add_clock(1 / 12e6, domain="usb")
simulator.add_clock(1 / 48e6, domain="usb_io")
simulator.add_testbench(look)
simulator.run()
j, k = USBResetSequencer._LINE_STATE_FS_HS_J, USBResetSequencer._LINE_STATE_FS_HS_K
print(f"idle line: {seen['line']:#04b}; the sequencer's J: {j:#04b}, its K: {k:#04b}; "
      f"suspended after 20 ms: {seen['suspended']}")
assert seen["line"] == k != j and not seen["suspended"], "it changed"
PY

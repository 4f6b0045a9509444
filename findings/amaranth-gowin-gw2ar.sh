#!/usr/bin/env bash
# amaranth 0.5.10, GowinPlatform with its default toolchain, for a GW2AR-18 (Tang Nano 20K). One would
# expect commands that the open toolchain has. It starts nextpnr-gowin, which Project Apicula's
# toolchain gave up for nextpnr-himbaechel, and it names the device GW2AR-18C for placer and packer.
# Apycula 0.32 has only GW2A-18C: the R, which stands for memory beside the die, is left out for GW1NR
# alone.
# Output seen: starts nextpnr-gowin; device GW2AR-18C; apycula has it: False; has GW2A-18C: True
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check amaranth==0.5.10 apycula==0.32
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import importlib.util
import json
from pathlib import Path

from amaranth import Elaboratable, Module, Signal
from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.vendor import GowinPlatform


class TangNano20K(GowinPlatform):
    """A crystal and a light."""

    part, family, default_clk, connectors = "GW2AR-LV18QN88C8/I7", "GW2AR-18C", "clk27", []
    resources = [
        Resource("clk27", 0, Pins("4", dir="i"), Clock(27e6), Attrs(IO_TYPE="LVCMOS33")),
        Resource("led", 0, Pins("15", dir="o"), Attrs(IO_TYPE="LVCMOS33")),
    ]


class Blink(Elaboratable):
    """Count."""

    def elaborate(self, platform):
        m = Module()
        count = Signal(24)
        m.d.sync += count.eq(count + 1)
        m.d.comb += platform.request("led").o.eq(count[-1])
        return m


files = TangNano20K().build(Blink(), do_build=False).files
_, place, pack = json.loads(files["build_top.json"])["commands"]
device = pack[pack.index("-d") + 1]
folder = Path(importlib.util.find_spec("apycula").origin).parent
has = {name: (folder / f"{name}.msgpack.xz").is_file() for name in (device, "GW2A-18C")}
print(f"starts {place[0]}; device {device}; apycula has it: {has[device]}; "
      f"has GW2A-18C: {has['GW2A-18C']}")
assert place[0] == "nextpnr-gowin" and place[place.index("--family") + 1] == device, "it changed"
assert device == "GW2AR-18C" and has == {"GW2AR-18C": False, "GW2A-18C": True}, "it changed"
PY

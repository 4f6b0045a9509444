"""The right to use a USB chip on Linux: the rule that gives it, and whether there is one."""

import sys
from pathlib import Path

__all__ = ["find_rule", "rule_command"]

_FOLDERS = (
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
)
_FILE = "/etc/udev/rules.d/70-weft.rules"


def find_rule(usb: str) -> str | None:
    """Return the rules file that names a chip's vendor and product (``0403:6015``)."""
    vendor, product = usb.split(":")
    for folder in map(Path, _FOLDERS):
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


def rule_command(usb: str) -> str:
    """Return the command that lets users at this computer use a chip and its ports.

    Nothing where there are no such rules.
    """
    if sys.platform != "linux":
        return ""
    vendor, product = usb.split(":")
    rule = (
        f'SUBSYSTEM=="usb|tty", ATTRS{{idVendor}}=="{vendor}", ATTRS{{idProduct}}=="{product}", '
        f'MODE="0660", TAG+="uaccess"'
    )
    return (
        f"echo '{rule}' | sudo tee -a {_FILE} && sudo udevadm control --reload && "
        f"sudo udevadm trigger"
    )

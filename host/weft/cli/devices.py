"""``weft devices``: what can run a network here."""

import typer

from weft.cli.options import JsonOption
from weft.cli.output import print_json, print_table

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(devices)


def devices(as_json: JsonOption = False):
    """List the devices that --device takes on this machine."""
    from serial.tools import list_ports

    from weft.bitstream.machine_check import lacks_for_simulation

    lacking = lacks_for_simulation()
    found = [
        {"device": "golden", "available": True, "description": "golden model in NumPy"},
        {
            "device": "sim",
            "available": not lacking,
            "description": "the gateware, simulated cycle by cycle"
            if not lacking
            else f"lacks {', '.join(f.name for f in lacking)}; {lacking[0].repair}",
        },
    ]
    for port in sorted(list_ports.comports()):
        found.append(
            {
                "device": f"serial:{port.device}",
                "available": True,
                "description": port.description or "serial port",
            }
        )
    if as_json:
        print_json(found)
        return
    print_table(
        "Devices",
        ["device", "available", "description"],
        [(d["device"], "yes" if d["available"] else "no", d["description"]) for d in found],
    )

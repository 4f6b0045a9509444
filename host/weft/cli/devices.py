"""``weft devices``: what can run a network here."""

from typing import Any

import typer

from weft.cli.options import JsonOption
from weft.cli.output import print_json, print_table
from weft.cli.terminal import say

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(devices)


def devices(as_json: JsonOption = False):
    """List what --device takes on this machine, and ask boards."""
    from serial.tools import list_ports

    from weft.bitstream.doctor import lacks_for_simulation
    from weft.driver.probe import known_chips, probe, probe_udp, probe_usb, udp_addresses
    from weft.driver.transports.usb_devices import load_library
    from weft.errors import LinkError

    lacking = lacks_for_simulation()
    found: list[dict[str, Any]] = [
        {"device": "golden", "available": True, "description": "golden model in NumPy"},
        {
            "device": "sim",
            "available": not lacking,
            "description": "the gateware, simulated cycle by cycle"
            if not lacking
            else f"lacks {', '.join(f.name for f in lacking)}; {lacking[0].repair}",
        },
    ]
    ports = [probe(port).as_dict() for port in sorted(list_ports.comports())]
    without_usb = ""
    try:
        ports += [board.as_dict() for board in probe_usb(load_library())]
    except LinkError as error:
        without_usb = str(error)
    on_network = [board.as_dict() for board in probe_udp()]
    ports += on_network
    if as_json:
        print_json(found + ports)
        return
    print_table(
        "Devices",
        ["device", "available", "description"],
        [(d["device"], "yes" if d["available"] else "no", d["description"]) for d in found + ports],
    )
    for port in ports:
        if port["usb"]:
            number = f", serial number {port['serial_number']}" if port["serial_number"] else ""
            say(f"{port['device']}: USB {port['usb']}{number}, {port['board'] or 'no board'}")
    chips = known_chips()
    if not any(port["usb"] in chips or port["device"][:4] in ("usb:", "udp:") for port in ports):
        say(f"no board is plugged in: no serial port has a USB chip of {', '.join(chips)}")
    if not on_network:
        places = ", ".join(f"{address} ({b.name})" for address, b in udp_addresses().items())
        say(f"no board answers on Ethernet at {places}; --device udp:HOST reaches other addresses")
    if without_usb:
        say(f"boards that are USB devices themselves were not looked for: {without_usb}")

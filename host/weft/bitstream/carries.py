"""Takes off carry outputs that nobody reads, for which the placer would spend logic."""

import json
from pathlib import Path

__all__ = ["drop_unread_carries"]

_CELL, _CARRY, _UNCONNECTED = "CCU2C", "COUT", "x"


def drop_unread_carries(netlist: Path) -> int:
    """Unconnect the carries of a synthesised ECP5 design that leave a chain for nowhere.

    Yosys's abc9 connects every output of a CCU2C, and nextpnr brings a connected carry out of its
    chain through a slice, whether somebody reads it or not.

    Parameters
    ----------
    netlist : Path
        As yosys's ``write_json`` makes it; changed in place.

    Returns
    -------
    int
        How many were taken off.
    """
    design = json.loads(netlist.read_text())
    dropped = 0
    for module in design["modules"].values():
        read = {bit for port in module["ports"].values() for bit in port["bits"]}
        for cell in module["cells"].values():
            directions = cell["port_directions"]
            for port, bits in cell["connections"].items():
                if directions[port] != "output":
                    read.update(bits)
        for cell in module["cells"].values():
            carry = cell["connections"].get(_CARRY, [])
            if cell["type"] == _CELL and carry and read.isdisjoint(carry):
                cell["connections"][_CARRY] = [_UNCONNECTED]
                dropped += 1
    netlist.write_text(json.dumps(design))
    return dropped

"""What changes in a synthesised ECP5 design before it is placed.

Nextpnr has no constants next to each input: one LUT drives all that it has to route, over the whole
chip, and last of all, when few wires are left.
"""

import json
from pathlib import Path
from typing import Any

__all__ = ["spare_logic_and_wires"]

_CELL, _CARRY_IN, _CARRY_OUT, _UNCONNECTED = "CCU2C", "CIN", "COUT", "x"
_CONSTANTS = ("0", "1")
_TABLE_BITS = 16
_CARRY_ONLY = 0b1111  # entries with C = D = 0: the carry that the half makes itself


def spare_logic_and_wires(netlist: Path) -> dict[str, int]:
    """Rewrite carry chains (CCU2C) so that nothing is spent on constants and unread carries.

    What the design computes stays the same. Inputs C and D that are 0 become 1, which takes no
    wire, and their table is changed to match; a chain with a constant carry in gets a cell
    in front that makes it, where nextpnr would put one that asks for a wire; and a carry out
    that nobody reads, which nextpnr would bring out of its chain, is unconnected.

    Parameters
    ----------
    netlist : Path
        As yosys's ``write_json`` makes it; changed in place.

    Returns
    -------
    dict of str to int
        How many ``constants`` need no wire, how many ``carries_in`` neither, and how many
        ``carries_out`` are gone.
    """
    design = json.loads(netlist.read_text())
    counts = {"constants": 0, "carries_in": 0, "carries_out": 0}
    for module in design["modules"].values():
        chains = {name: cell for name, cell in module["cells"].items() if cell["type"] == _CELL}
        counts["carries_out"] += _drop_unread_carries(module, chains)
        for cell in chains.values():
            counts["constants"] += sum(_raise_constants(cell, half) for half in range(2))
        counts["carries_in"] += _start_chains(module, chains)
    netlist.write_text(json.dumps(design))
    return counts


def _drop_unread_carries(module: dict[str, Any], chains: dict[str, Any]) -> int:
    read = {bit for port in module["ports"].values() for bit in port["bits"]}
    for cell in module["cells"].values():
        directions = cell["port_directions"]
        for port, bits in cell["connections"].items():
            if directions[port] != "output":
                read.update(bits)
    dropped = 0
    for cell in chains.values():
        carry = cell["connections"].get(_CARRY_OUT, [_UNCONNECTED])
        if carry != [_UNCONNECTED] and read.isdisjoint(carry):
            cell["connections"][_CARRY_OUT] = [_UNCONNECTED]
            dropped += 1
    return dropped


def _raise_constants(cell: dict[str, Any], half: int) -> int:
    """Turn zeros at C and D of one half into ones; return how many.

    The half's output is its table at (D, C, B, A) plus the carry in; the carry out is that of the
    entries with C = D = 0 (:data:`_CARRY_ONLY`) where the output alone is 0. Those stay.
    """
    pins = cell["connections"]
    constant = {index: int(pins[f"{name}{half}"][0]) for index, name in enumerate("ABCD")
                if name in "CD" and pins[f"{name}{half}"][0] in _CONSTANTS}
    zeros = [index for index, value in constant.items() if not value]
    if not zeros:
        return 0
    old = int(cell["parameters"][f"INIT{half}"], 2)
    new = old & _CARRY_ONLY
    for entry in range(_CARRY_ONLY.bit_length(), _TABLE_BITS):
        source = entry
        for index, value in constant.items():
            source = source & ~(1 << index) | value << index
        new |= (old >> source & 1) << entry
    cell["parameters"][f"INIT{half}"] = f"{new:0{_TABLE_BITS}b}"
    for index in zeros:
        pins[f"{'ABCD'[index]}{half}"] = ["1"]
    return len(zeros)


def _start_chains(module: dict[str, Any], chains: dict[str, Any]) -> int:
    """Put a cell in front of each chain whose carry in is constant; return how many."""
    bits = (bit for net in module["netnames"].values() for bit in net["bits"])
    last, started = max((bit for bit in bits if isinstance(bit, int)), default=1), 0
    for name, cell in chains.items():
        [carry] = cell["connections"].get(_CARRY_IN, [_UNCONNECTED])
        if carry not in _CONSTANTS:
            continue
        started += 1
        net, start = last + started, f"{name}.carry_in"
        inputs = [f"{pin}{half}" for half in range(2) for pin in "ABCD"]
        open_pins = {_CARRY_IN: "input", "S0": "output", "S1": "output"}
        module["cells"][start] = {
            "hide_name": 0, "type": _CELL, "attributes": {},
            "parameters": {
                # The first half's output alone is 0 and its carry the constant, the second's 1,
                # which lets a carry pass.
                "INIT0": f"{_CARRY_ONLY if carry == '1' else 0:0{_TABLE_BITS}b}",
                "INIT1": "1" * _TABLE_BITS, "INJECT1_0": "NO", "INJECT1_1": "YES",
            },
            "port_directions": {**dict.fromkeys(inputs, "input"), **open_pins,
                                _CARRY_OUT: "output"},
            "connections": {**{pin: ["1"] for pin in inputs},
                            **{pin: [_UNCONNECTED] for pin in open_pins}, _CARRY_OUT: [net]},
        }  # fmt: skip
        module["netnames"][f"{start}.{_CARRY_OUT}"] = {
            "hide_name": 0, "bits": [net], "attributes": {}}
        cell["connections"][_CARRY_IN] = [net]
    return started

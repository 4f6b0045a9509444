"""Changes to a synthesised ECP5 design before it is placed.

Nextpnr has no constants next to each input: one LUT drives all that it has to route, over the whole
chip, and last of all, when few wires are left.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, product
from pathlib import Path
from typing import Any

__all__ = ["spare_logic_and_wires"]

_CELL, _CARRY_IN, _CARRY_OUT, _UNCONNECTED = "CCU2C", "CIN", "COUT", "x"
_MULTIPLIER, _ROUTED_PINS = "MULT18X18D", ("CE", "RST", "SIGNED", "SOURCE")
_CONSTANTS = ("0", "1")
_TABLE_BITS = 16
_CARRY_ONLY = 0b1111  # entries with C = D = 0: the carry that the half makes itself


def spare_logic_and_wires(netlist: Path, *, empty: Sequence[str] = ()) -> dict[str, int]:
    """Rewrite carry chains (CCU2C) and multipliers, so that constants take no wires or short ones.

    What the design computes stays the same. In carry chains, inputs C and D that are 0 become 1,
    which takes no wire, and their table is changed to match; a chain with a constant carry in gets
    a cell in front that makes it, where nextpnr would put one that asks for a wire, and no cell if
    its first half takes no notice of it; and a carry out that nobody reads, which nextpnr would
    bring out of its chain, is unconnected. Each MULT18X18D gets LUTs of its own for the constants
    at its controls.

    Parameters
    ----------
    netlist : Path
        As yosys's ``write_json`` makes it; changed in place.
    empty : sequence of str
        Sites of LUTs that are to stay free, for the sake of the wires around them: each gets a
        LUT that nobody reads.

    Returns
    -------
    dict of str to int
        How many ``constants`` and ``carries_in`` need no wire, how many ``carries_out`` are gone,
        and how many ``controls`` have their constant beside them.
    """
    design = json.loads(netlist.read_text())
    counts = {"constants": 0, "carries_in": 0, "carries_out": 0, "controls": 0}
    for module in design["modules"].values():
        chains = {name: cell for name, cell in module["cells"].items() if cell["type"] == _CELL}
        read = _read_nets(module)
        counts["carries_out"] += _drop_unread_carries(chains, read)
        for cell in chains.values():
            counts["constants"] += sum(_raise_constants(cell, half) for half in range(2))
        used = (bit for net in module["netnames"].values() for bit in net["bits"])
        nets = count(1 + max((bit for bit in used if isinstance(bit, int)), default=1))
        counts["carries_in"] += _start_chains(module, chains, read, nets)
        counts["controls"] += _constants_beside_multipliers(module, nets)
        for site in empty if "top" in module["attributes"] else ():
            name = f"empty.{site}"
            _add_cell(module, name, "LUT4", nets, output="Z", ones="ABCD", INIT=_table(0))
            module["cells"][name]["attributes"]["BEL"] = site
    netlist.write_text(json.dumps(design))
    return counts


def _read_nets(module: dict[str, Any]) -> set[int | str]:
    read = {bit for port in module["ports"].values() for bit in port["bits"]}
    for cell in module["cells"].values():
        directions = cell["port_directions"]
        for port, bits in cell["connections"].items():
            if directions[port] != "output":
                read.update(bits)
    return read


def _drop_unread_carries(chains: dict[str, Any], read: set[int | str]) -> int:
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
    constant = {
        index: int(pins[f"{name}{half}"][0])
        for index, name in ((2, "C"), (3, "D"))
        if pins[f"{name}{half}"][0] in _CONSTANTS
    }
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
    cell["parameters"][f"INIT{half}"] = _table(new)
    for index in zeros:
        pins[f"{'ABCD'[index]}{half}"] = ["1"]
    return len(zeros)


def _start_chains(
    module: dict[str, Any], chains: dict[str, Any], read: set[int | str], nets: Iterator[int]
) -> int:
    """Put a cell in front of each chain that needs its constant carry in; return how many."""
    started = 0
    for name, cell in chains.items():
        pins = cell["connections"]
        [carry] = pins.get(_CARRY_IN, [_UNCONNECTED])
        if carry not in _CONSTANTS:
            continue
        if _makes_its_carry(cell) and read.isdisjoint(pins.get("S0", [])):
            pins[_CARRY_IN] = [_UNCONNECTED]
            continue
        started += 1
        # The first half's output alone is 0 and its carry the constant, the second's 1, which
        # lets a carry pass.
        tables = _CARRY_ONLY if carry == "1" else 0, (1 << _TABLE_BITS) - 1
        pins[_CARRY_IN] = _add_cell(
            module,
            f"{name}.carry_in",
            _CELL,
            nets,
            output=_CARRY_OUT,
            ones=[f"{pin}{half}" for half in range(2) for pin in "ABCD"],
            unconnected={_CARRY_IN: "input", "S0": "output", "S1": "output"},
            INIT0=_table(tables[0]),
            INIT1=_table(tables[1]),
            INJECT1_0="NO",
            INJECT1_1="YES",
        )
    return started


def _makes_its_carry(cell: dict[str, Any]) -> bool:
    """Whether the first half's output alone is always 0, so that no carry in passes it."""
    pins, table = cell["connections"], int(cell["parameters"]["INIT0"], 2)
    levels = [pins[f"{name}0"][0] for name in "ABCD"]
    choices = [[int(level)] if level in _CONSTANTS else [0, 1] for level in levels]
    return not any(
        table >> sum(bit << index for index, bit in enumerate(entry)) & 1
        for entry in product(*choices)
    )


def _constants_beside_multipliers(module: dict[str, Any], nets: Iterator[int]) -> int:
    """Give each multiplier LUTs of its own for constants at its controls; return how many pins."""
    given = 0
    multipliers = {n: cell for n, cell in module["cells"].items() if cell["type"] == _MULTIPLIER}
    for name, cell in multipliers.items():
        pins = cell["connections"]
        for constant in _CONSTANTS:
            controls = [
                pin
                for pin, bits in pins.items()
                if pin.startswith(_ROUTED_PINS) and bits == [constant]
            ]
            if controls:
                table = (1 << _TABLE_BITS) - 1 if constant == "1" else 0
                pins.update(
                    dict.fromkeys(
                        controls,
                        _add_cell(
                            module,
                            f"{name}.constant_{constant}",
                            "LUT4",
                            nets,
                            output="Z",
                            ones="ABCD",
                            INIT=_table(table),
                        ),
                    )
                )
            given += len(controls)
    return given


def _table(value: int) -> str:
    return f"{value:0{_TABLE_BITS}b}"


def _add_cell(
    module: dict[str, Any],
    name: str,
    kind: str,
    nets: Iterator[int],
    *,
    output: str,
    ones: Iterable[str],
    unconnected: Mapping[str, str] | None = None,
    **parameters: str,
) -> list[int]:
    """Add a cell whose inputs are 1, and return the new net at its output."""
    unconnected, net = unconnected or {}, next(nets)
    module["cells"][name] = {
        "hide_name": 0,
        "type": kind,
        "attributes": {},
        "parameters": parameters,
        "port_directions": {**dict.fromkeys(ones, "input"), **unconnected, output: "output"},
        "connections": {
            **{pin: ["1"] for pin in ones},
            **{pin: [_UNCONNECTED] for pin in unconnected},
            output: [net],
        },
    }
    module["netnames"][f"{name}.{output}"] = {"hide_name": 0, "bits": [net], "attributes": {}}
    return [net]

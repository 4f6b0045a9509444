"""Netlists as yosys writes them, before and after what is spared in them."""

import json
from itertools import product

import pytest
from weft.bitstream.netlist import spare_logic_and_wires

PINS = [f"{name}{half}" for half in range(2) for name in "ABCD"]


def cell(kind, init=("0" * 16, "0" * 16), **connections):
    """Return a cell; what begins with S or Z, and COUT, is an output."""
    directions = {
        port: "output" if port[0] in "SZ" or port == "COUT" else "input" for port in connections
    }
    return {
        "type": kind,
        "port_directions": directions,
        "connections": connections,
        "parameters": {"INIT0": init[0], "INIT1": init[1], "INJECT1_0": "NO", "INJECT1_1": "NO"},
    }


def carry(init=("0" * 16, "0" * 16), **connections):
    """Return a CCU2C whose other inputs are free."""
    return cell("CCU2C", init, **{pin: [2] for pin in PINS} | connections)


def spare(tmp_path, cells, reads=(), **options):
    """Return the cells after the pass, and what it counted."""
    bits = {
        bit
        for c in cells.values()
        for pins in c["connections"].values()
        for bit in pins
        if isinstance(bit, int)
    }
    module = {
        "ports": {"o": {"direction": "output", "bits": list(reads)}},
        "cells": cells,
        "netnames": {f"n{bit}": {"bits": [bit]} for bit in sorted(bits)},
        "attributes": {"top": "1"},
    }
    path = tmp_path / "top.json"
    modules = {
        "top": module,
        "a black box": {"ports": {}, "cells": {}, "netnames": {}, "attributes": {"blackbox": "1"}},
    }
    path.write_text(json.dumps({"creator": "a tool", "modules": modules}))
    counts = spare_logic_and_wires(path, **options)
    design = json.loads(path.read_text())
    assert design["creator"] == "a tool"
    assert design["modules"]["a black box"] == modules["a black box"]
    after = design["modules"]["top"]
    assert after["ports"] == module["ports"]
    assert after["cells"].keys().isdisjoint(after["netnames"])  # yosys has one name space
    return after["cells"], counts


def test_only_carries_that_nobody_reads_are_taken_off(tmp_path):
    cells = {
        "chained": carry(CIN=[3], COUT=[4]),
        "last": carry(CIN=[4], COUT=[6]),
        "read by logic": carry(CIN=["x"], COUT=[8]),
        "logic": cell("LUT4", A=[8], B=[3], Z=[9]),
        "read by a port": carry(CIN=[3], COUT=[11]),
        "without": carry(CIN=[3]),
        "done before": carry(CIN=[3], COUT=["x"]),
        "no carry": cell("LUT4", A=[2], COUT=[14]),
    }
    after, counts = spare(tmp_path, cells, reads=[11])
    assert counts == {"constants": 0, "carries_in": 0, "carries_out": 1, "controls": 0}
    cells["last"]["connections"]["COUT"] = ["x"]
    assert after == cells


def half_cell(init, inputs, carry_in, inject="NO"):
    """Return (sum, carry) of one half, as FPGA-TN-02187 and yosys's model have it."""
    index = sum(bit << place for place, bit in enumerate(inputs))
    output = int(init[::-1][index])
    passes, own = (0, 0) if inject == "YES" else (carry_in, int(init[::-1][index & 3]))
    return output ^ passes, (carry_in if output else own)


def values(pins, half, free):
    return [
        int(pins[f"{name}{half}"][0]) if pins[f"{name}{half}"][0] in ("0", "1") else free[place]
        for place, name in enumerate("ABCD")
    ]


@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("constants", list(product("01-", repeat=4)), ids="".join)
def test_a_half_computes_the_same_and_no_zero_is_left_at_c_and_d(tmp_path, constants, half):
    pins = {
        f"{name}{half}": [2 if value == "-" else value]
        for name, value in zip("ABCD", constants, strict=True)
    }
    for init in ("1001011010101010", "0111100010001000", "0000000000001010", "1110010111010011"):
        before = carry((init,) * 2, CIN=[3], COUT=["x"], **pins)
        after, counts = spare(tmp_path, {"cell": before})
        after = after["cell"]
        zeros = constants[2:].count("0")
        assert counts == {"constants": zeros, "carries_in": 0, "carries_out": 0, "controls": 0}
        for name, value in zip("ABCD", constants, strict=True):
            kept = name in "AB" or value != "0"
            assert after["connections"][f"{name}{half}"] == (
                [2] if value == "-" else [value if kept else "1"]
            )
        for *free, carry_in in product((0, 1), repeat=5):
            assert half_cell(
                after["parameters"][f"INIT{half}"],
                values(after["connections"], half, free),
                carry_in,
            ) == half_cell(init, values(before["connections"], half, free), carry_in)
        other = 1 - half
        assert after["parameters"][f"INIT{other}"] == init


@pytest.mark.parametrize("constant", ["0", "1"])
def test_a_constant_carry_in_is_made_in_the_chain(tmp_path, constant):
    adds = ("0110011010101010", "0" * 16)
    after, counts = spare(
        tmp_path,
        {
            "first": carry(adds, CIN=[constant], COUT=[4]),
            "second": carry(CIN=[4], COUT=["x"]),
            "another": carry(adds, CIN=[constant], COUT=["x"]),
            "from logic": carry(CIN=[3], COUT=["x"]),
        },
    )
    assert counts == {"constants": 0, "carries_in": 2, "carries_out": 0, "controls": 0}
    assert after["second"]["connections"]["CIN"] == [4]
    assert after["from logic"]["connections"]["CIN"] == [3]
    nets = set()
    for name in ("first", "another"):
        start = after[f"{name}.carry_in"]
        assert start["connections"]["COUT"] == after[name]["connections"]["CIN"]
        nets |= set(start["connections"]["COUT"])
        assert all(start["connections"][pin] == ["1"] for pin in PINS)
        for unknown in (0, 1):  # nothing is connected to its own carry in
            _, middle = half_cell(start["parameters"]["INIT0"], [1] * 4, unknown)
            _, out = half_cell(
                start["parameters"]["INIT1"], [1] * 4, middle, start["parameters"]["INJECT1_1"]
            )
            assert out == int(constant)
    assert nets == {5, 6}  # nets of their own


@pytest.mark.parametrize("constant", ["0", "1"])
def test_a_half_that_makes_its_carry_needs_none(tmp_path, constant):
    """With D = 1, the first half of this table is 0 and its carry A, whatever comes in."""
    makes, passes = "0000000000001010", "0000001000001010"

    def chain(init, **connections):
        return carry(
            (init, "0" * 16),
            **{"CIN": [constant], "D0": ["1"], "COUT": [4], "S0": [5]} | connections,
        )

    after, counts = spare(
        tmp_path,
        {
            "makes": chain(makes),
            "passes": chain(passes),
            "D is free": chain(makes, D0=[2]),
            "never passes": chain(passes, C0=["1"]),
            "sum is read": chain(makes, S0=[6]),
            "reads": carry(CIN=[4], A0=[6], COUT=["x"]),
        },
    )
    asked = {"passes", "D is free", "sum is read"}
    assert counts["carries_in"] == len(asked)
    unconnected = {name for name, c in after.items() if c["connections"].get("CIN") == ["x"]}
    assert unconnected == {"makes", "never passes", *(f"{name}.carry_in" for name in asked)}
    for *inputs, carry_in in product((0, 1), repeat=5):
        init, inputs[3] = after["makes"]["parameters"]["INIT0"], 1
        assert half_cell(init, inputs, carry_in)[1] == inputs[0]


def test_each_multiplier_has_constants_of_its_own_at_its_controls(tmp_path):
    def multiplier():
        return cell(
            "MULT18X18D",
            A0=["0"],
            B17=["1"],
            CLK0=[3],
            CE0=["1"],
            RST0=["0"],
            SIGNEDA=["1"],
            SIGNEDB=[4],
            SOURCEA=["0"],
            CE1=["x"],
        )

    before = {"one": multiplier(), "two": multiplier(), "logic": cell("LUT4", A=["0"], Z=[5])}
    after, counts = spare(tmp_path, before)
    assert counts == {"constants": 0, "carries_in": 0, "carries_out": 0, "controls": 8}
    assert after["logic"] == before["logic"]
    drivers = {
        pins["Z"][0]: after[name]["parameters"]["INIT"]
        for name, pins in ((n, c["connections"]) for n, c in after.items())
        if after[name]["type"] == "LUT4" and name != "logic"
    }
    assert len(drivers) == 4
    for name in ("one", "two"):
        pins, old = after[name]["connections"], before[name]["connections"]
        assert {pin for pin in pins if pins[pin] != old[pin]} == {
            "CE0",
            "RST0",
            "SIGNEDA",
            "SOURCEA",
        }
        for pin, value in [("CE0", "1"), ("RST0", "0"), ("SIGNEDA", "1"), ("SOURCEA", "0")]:
            assert drivers[pins[pin][0]] == value * 16
    assert (
        not {bits[0] for bits in after["one"]["connections"].values()}
        & {bits[0] for bits in after["two"]["connections"].values()}
        & drivers.keys()
    )


def test_a_site_that_stays_empty_gets_a_lut_that_nobody_reads(tmp_path):
    cells = {"logic": cell("LUT4", A=[2], Z=[3])}
    sites = ["X8/Y80/SLICEA.K0", "X8/Y80/SLICEA.K1"]
    after, _ = spare(tmp_path, cells, empty=sites)
    assert after["logic"] == cells["logic"]
    added = [c for name, c in after.items() if name != "logic"]
    assert [c["attributes"]["BEL"] for c in added] == sites
    assert all(c["type"] == "LUT4" and c["connections"]["A"] == ["1"] for c in added)
    assert len({c["connections"]["Z"][0] for c in added} - {2, 3}) == 2

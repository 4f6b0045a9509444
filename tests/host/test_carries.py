"""Carry outputs that nobody reads, in netlists as yosys writes them."""

import json

from weft.bitstream.carries import drop_unread_carries

INPUTS = ("A0", "B0", "CIN")


def cell(kind, **connections):
    """Return a cell; a port that is none of ``INPUTS`` is an output."""
    directions = {port: "input" if port in INPUTS else "output" for port in connections}
    return {"type": kind, "port_directions": directions, "connections": connections}


def test_only_carries_that_nobody_reads_are_taken_off(tmp_path):
    cells = {
        "chained": cell("CCU2C", A0=[2], CIN=["0"], S0=[3], COUT=[4]),
        "last": cell("CCU2C", A0=[2], CIN=[4], S0=[5], COUT=[6]),
        "read by logic": cell("CCU2C", A0=[2], CIN=["x"], S0=[7], COUT=[8]),
        "logic": cell("LUT4", A0=[8], B0=[3], Z=[9]),
        "read by a port": cell("CCU2C", A0=[2], CIN=["0"], S0=[10], COUT=[11]),
        "without": cell("CCU2C", A0=[2], CIN=["0"], S0=[12]),
        "done before": cell("CCU2C", A0=["x"], CIN=["0"], S0=[13], COUT=["x"]),
        "no carry": cell("LUT4", A0=[2], COUT=[14]),
    }
    ports = {"i": {"direction": "input", "bits": [2]}, "o": {"direction": "output", "bits": [11]}}
    path = tmp_path / "top.json"
    path.write_text(json.dumps({"creator": "a tool",
                                "modules": {"top": {"ports": ports, "cells": cells}}}))

    assert drop_unread_carries(path) == 1

    cells["last"]["connections"]["COUT"] = ["x"]
    assert json.loads(path.read_text()) \
        == {"creator": "a tool", "modules": {"top": {"ports": ports, "cells": cells}}}

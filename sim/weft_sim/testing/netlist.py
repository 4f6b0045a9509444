"""A flat netlist: which cell drives a signal, which ones read it, and with which clock."""

import json
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from weft_sim.tools import run_tool, yosys

__all__ = ["BUFFERS", "MEMORY", "PLLS", "Netlist", "is_clock"]

_SCRIPT = """
read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v; read_verilog -lib +/ice40/cells_sim.v
read_verilog -lib -nooverwrite +/gowin/cells_sim.v +/gowin/cells_xtra_gw2a.v
read_rtlil top.il; hierarchy -top top; proc; flatten; memory_collect; opt_expr; opt_clean
select top; write_json -selected top.json
"""
MEMORY = "$mem_v2"
BUFFERS = ("IB", "BB", "SB_IO", "IBUF")  # between a pin and the fabric
PLLS = ("EHXPLLL", "SB_PLL40_PAD", "rPLL")
_CLOCK_PINS = ("CLK", "RCLK", "WCLK", "RD_CLK", "WR_CLK", "INPUT_CLK", "OUTPUT_CLK", "CLOCK")


class Netlist:
    """Cells and pins of a flat module, whose bits are the numbers that yosys gives them.

    Attributes
    ----------
    cells : dict
        By name, as yosys writes them.
    names : dict from int to str
        Of each bit.
    drivers, readers : dict
        The cell that drives a bit; cell and port of all that read it.
    inputs, outputs : collections of int
        Bits of the module's ports.
    """

    def __init__(self, module: dict[str, Any]):
        self.cells: dict[str, dict[str, Any]] = {
            name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"
        }
        self._known: dict[tuple[str, str], str | None] = {}
        self.names: dict[int, str] = {}
        # The longest name of its own says most.
        for name, net in sorted(
            module["netnames"].items(), key=lambda item: (not item[0].startswith("$"), len(item[0]))
        ):
            self.names.update((bit, name) for bit in net["bits"] if isinstance(bit, int))
        self.drivers: dict[int, str] = {}
        self.readers: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for name in self.cells:
            for port, bit, is_output in self.pins(name):
                if is_output:
                    self.drivers[bit] = name
                else:
                    self.readers[bit].append((name, port))
        self.inputs = [
            bit
            for port in module["ports"].values()
            if port["direction"] != "output"
            for bit in port["bits"]
        ]
        self.outputs = {
            bit
            for port in module["ports"].values()
            if port["direction"] != "input"
            for bit in port["bits"]
        }
        self._clock_names = {
            bit: name
            for name, net in sorted(module["netnames"].items(), key=lambda item: -len(item[0]))
            for bit in net["bits"]
        }

    @classmethod
    def of(cls, rtlil: str) -> "Netlist":
        """Return the netlist of the design ``top`` in ``rtlil``.

        Raises
        ------
        ToolError
            If yosys is missing or fails.
        """
        with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
            work = Path(scratch)
            (work / "top.il").write_text(rtlil)
            (work / "crossings.ys").write_text(_SCRIPT)
            run_tool([*yosys(), "-q", "-s", "crossings.ys"], cwd=work)
            module = json.loads((work / "top.json").read_text())["modules"]["top"]
        return cls(module)

    def pins(self, name: str):
        """Yield (port, bit, whether it is an output) of a cell, without constants."""
        cell = self.cells[name]
        for port, bits in cell["connections"].items():
            is_output = cell["port_directions"].get(port) == "output"
            for bit in bits:
                if isinstance(bit, int):
                    yield port, bit, is_output

    def clock(self, name: str, port: str) -> str | None:
        """Return the clock with which a pin is sampled or changes, None for a combinational one."""
        if (name, port) not in self._known:
            self._known[name, port] = self._find_clock(name, port)
        return self._known[name, port]

    def _find_clock(self, name: str, port: str) -> str | None:
        cell = self.cells[name]
        if cell["type"] in (*PLLS, *BUFFERS):
            return None
        wanted = port.partition("_")[0] + "_CLK" if cell["type"] == MEMORY else ""
        clocks = {
            self._clock_names[bit]
            for clock_port, bits in cell["connections"].items()
            for bit in bits
            if isinstance(bit, int)
            and is_clock(clock_port)
            and cell["port_directions"].get(clock_port) != "output"
            and clock_port.startswith(wanted)
        }
        return " and ".join(sorted(clocks)) or None


def is_clock(port: str) -> bool:
    """Whether a port of a cell takes a clock."""
    return port.rstrip("0123456789AB_") in _CLOCK_PINS

"""Clock-domain crossings of a netlist: signals that are sampled but belong to no clock, or another.

A crossing is safe only in these forms. A *synchroniser* is a flip-flop whose data input is the
foreign signal itself, without logic, and whose output goes to one more flip-flop of its clock and
nowhere else. A *reset synchroniser* is a chain of flip-flops that a foreign signal resets or sets
asynchronously and that shifts in a constant. A memory may be written with one clock and read with
another: that is what an asynchronous FIFO is made of, whose pointers are synchronised. Everything
else that samples a foreign signal is reported, and so is one that is sampled twice.
"""

import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft_sim.tools import run_tool, yosys

__all__ = ["Crossings", "find_crossings"]

_SCRIPT = """
read_verilog -lib +/ecp5/cells_sim.v +/ecp5/cells_bb.v; read_verilog -lib +/ice40/cells_sim.v
read_verilog -lib -nooverwrite +/gowin/cells_sim.v +/gowin/cells_xtra_gw2a.v
read_rtlil top.il; hierarchy -top top; proc; flatten; memory_collect; opt_expr; opt_clean
select top; write_json -selected top.json
"""
_MEMORY = "$mem_v2"
_FLIP_FLOPS = ("$dff", "$adff")
_BUFFERS = ("IB", "BB", "SB_IO", "IBUF")  # between a pin and the fabric
_PLLS = ("EHXPLLL", "SB_PLL40_PAD", "rPLL")
_CLOCK_PINS = ("CLK", "RCLK", "WCLK", "RD_CLK", "WR_CLK", "INPUT_CLK", "OUTPUT_CLK", "CLOCK")
_ASYNCHRONOUS = "asynchronous"


@dataclass
class Crossings:
    """Crossings that were found, by form.

    Attributes
    ----------
    clocks : set of str
        Clocks that some cell is clocked by.
    synchronizers, resets : list of str
        Foreign signals that cross by a safe form.
    memories : list of str
        Memories that are written with one clock and read with another, as an asynchronous FIFO's.
    unsafe : list of str
        A sentence for each other one.
    """

    clocks: set[str] = field(default_factory=set)
    synchronizers: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    memories: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)


def find_crossings(rtlil: str) -> Crossings:
    """Return the crossings of the design ``top`` in ``rtlil``.

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
    return _Walk(module).crossings()


class _Walk:
    """One walk over a flat netlist; bits are the numbers that yosys gives them."""

    def __init__(self, module: dict[str, Any]):
        self.cells: dict[str, dict[str, Any]] = {
            name: cell for name, cell in module["cells"].items() if cell["type"] != "$scopeinfo"
        }
        self._clocks: dict[tuple[str, str], str | None] = {}
        self.names: dict[int, str] = {}
        # The longest name of its own says most.
        for name, net in sorted(
            module["netnames"].items(), key=lambda item: (not item[0].startswith("$"), len(item[0]))
        ):
            self.names.update((bit, name) for bit in net["bits"] if isinstance(bit, int))
        self.drivers: dict[int, str] = {}
        self.readers: dict[int, list[tuple[str, str]]] = defaultdict(list)
        for name in self.cells:
            for port, bit, is_output in self._pins(name):
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
        self.clock_names = {
            bit: name
            for name, net in sorted(module["netnames"].items(), key=lambda item: -len(item[0]))
            for bit in net["bits"]
        }

    def _pins(self, name: str):
        """Yield (port, bit, whether it is an output) of a cell, without constants."""
        cell = self.cells[name]
        for port, bits in cell["connections"].items():
            is_output = cell["port_directions"].get(port) == "output"
            for bit in bits:
                if isinstance(bit, int):
                    yield port, bit, is_output

    def _clock(self, name: str, port: str) -> str | None:
        """Return the clock with which a pin is sampled or changes, None for a combinational one."""
        if (name, port) not in self._clocks:
            self._clocks[name, port] = self._find_clock(name, port)
        return self._clocks[name, port]

    def _find_clock(self, name: str, port: str) -> str | None:
        cell = self.cells[name]
        if cell["type"] in (*_PLLS, *_BUFFERS):
            return None
        wanted = port.partition("_")[0] + "_CLK" if cell["type"] == _MEMORY else ""
        clocks = {
            self.clock_names[bit]
            for clock_port, bits in cell["connections"].items()
            for bit in bits
            if isinstance(bit, int)
            and _is_clock(clock_port)
            and cell["port_directions"].get(clock_port) != "output"
            and clock_port.startswith(wanted)
        }
        return " and ".join(sorted(clocks)) or None

    def crossings(self) -> Crossings:
        result = Crossings()
        sources: dict[str, list[int]] = defaultdict(list)
        for name, cell in self.cells.items():
            if cell["type"] == _MEMORY:
                written = self._clock(name, "WR_DATA")
                result.memories += (
                    [name]
                    if written and self._clock(name, "RD_DATA") not in (None, written)
                    else []
                )
            for port, bit, is_output in self._pins(name):
                if not is_output:
                    continue
                clock = self._clock(name, port)
                if cell["type"] == _MEMORY:
                    clock = clock or self._clock(name, "WR_DATA")
                if clock:
                    sources[clock].append(bit)
                elif cell["type"] in _PLLS:
                    sources[_ASYNCHRONOUS].append(bit)
        result.clocks = set(sources) - {_ASYNCHRONOUS}
        if len(result.clocks) == 1:  # it crosses to no other
            sources.pop(*result.clocks)
        sources[_ASYNCHRONOUS] += self.inputs
        for origin, bits in sources.items():
            self._follow(result, origin, bits)
        for names in (result.unsafe, result.resets):
            names[:] = sorted(set(names))
        return result

    def _follow(self, result: Crossings, origin: str, bits: list[int]) -> None:
        """Judge every place where a signal that changes with ``origin`` is sampled."""
        sampled: dict[int, int] = defaultdict(int)
        reached, stack = set(bits), list(bits)
        passed: set[str] = set()  # cells without a clock, each gone through once
        while stack:
            bit = stack.pop()
            for name, port in self.readers[bit]:
                clock = self._clock(name, port)
                if clock is not None:
                    if clock != origin and not _is_clock(port):
                        sampled[bit] += self._judge(result, name, port, bit, origin)
                elif self.cells[name]["type"] not in _PLLS and name not in passed:
                    passed.add(name)
                    following = {
                        out
                        for out_port, out, is_output in self._pins(name)
                        if is_output and self._clock(name, out_port) is None
                    } - reached
                    reached |= following
                    stack += following
        result.unsafe += [
            f"{self.names[bit]} is sampled {count} times"
            for bit, count in sampled.items()
            if count > 1
        ]

    def _judge(self, result: Crossings, name: str, port: str, bit: int, origin: str) -> bool:
        """File one sampled signal; return whether it is a synchroniser's first stage."""
        where = self.names[bit]
        if port == "ARST" and self._shifts_constant(name):
            result.resets.append(where)
            return False
        if port == "D" and self._is_first_stage(name, bit):
            result.synchronizers.append(where)
            return True
        into = next((self.names[b] for _, b, is_output in self._pins(name) if is_output), name)
        result.unsafe.append(
            f"{where} ({origin}) is sampled by {into} (pin {port}) without a synchroniser"
        )
        return False

    def _is_first_stage(self, name: str, bit: int) -> bool:
        """Whether a foreign bit goes straight in, and straight on to one more flip-flop."""
        cell, driver = self.cells[name], self.drivers.get(bit)
        straight = driver is None or self.cells[driver]["type"] in (
            *_FLIP_FLOPS,
            *_BUFFERS,
            *_PLLS,
            "$not",
        )  # an inverter makes no glitches
        if not straight or cell["type"] != "$dff":
            return False
        output = cell["connections"]["Q"][cell["connections"]["D"].index(bit)]
        readers = self.readers[output]
        return (
            output not in self.outputs
            and len(readers) == 1
            and readers[0][1] == "D"
            and self.cells[readers[0][0]]["type"] == "$dff"
            and self._clock(readers[0][0], "D") == self._clock(name, "D")
        )

    def _shifts_constant(self, name: str) -> bool:
        """Whether a flip-flop with asynchronous reset belongs to a reset synchroniser."""
        cell = self.cells[name]
        if cell["type"] != "$adff":
            return False
        for bit in cell["connections"]["D"]:
            driver = self.drivers.get(bit)
            if isinstance(bit, int) and (
                driver is None
                or self.cells[driver]["type"] != "$adff"
                or self.cells[driver]["connections"]["ARST"] != cell["connections"]["ARST"]
            ):
                return False
        return True


def _is_clock(port: str) -> bool:
    return port.rstrip("0123456789AB_") in _CLOCK_PINS

"""Clock-domain crossings of a netlist: signals that are sampled but belong to no clock, or another.

A crossing is safe only in these forms. A *synchroniser* is a flip-flop whose data input is the
foreign signal itself, without logic, and whose output goes to one more flip-flop of its clock and
nowhere else. A *reset synchroniser* is a chain of flip-flops that a foreign signal resets or sets
asynchronously and that shifts in a constant. A memory may be written with one clock and read with
another: that is what an asynchronous FIFO is made of, whose pointers are synchronised. Everything
else that samples a foreign signal is reported, and so is one that is sampled twice.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from weft_sim.testing.netlist import BUFFERS, MEMORY, PLLS, Netlist, is_clock

__all__ = ["Crossings", "find_crossings"]

_FLIP_FLOPS = ("$dff", "$adff")
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
    return _Search(Netlist.of(rtlil)).crossings()


class _Search:
    """One search through a netlist."""

    def __init__(self, netlist: Netlist):
        self._netlist = netlist

    def crossings(self) -> Crossings:
        result = Crossings()
        sources: dict[str, list[int]] = defaultdict(list)
        for name, cell in self._netlist.cells.items():
            if cell["type"] == MEMORY:
                written = self._netlist.clock(name, "WR_DATA")
                result.memories += (
                    [name]
                    if written and self._netlist.clock(name, "RD_DATA") not in (None, written)
                    else []
                )
            for port, bit, is_output in self._netlist.pins(name):
                if not is_output:
                    continue
                clock = self._netlist.clock(name, port)
                if cell["type"] == MEMORY:
                    clock = clock or self._netlist.clock(name, "WR_DATA")
                if clock:
                    sources[clock].append(bit)
                elif cell["type"] in PLLS:
                    sources[_ASYNCHRONOUS].append(bit)
        result.clocks = set(sources) - {_ASYNCHRONOUS}
        if len(result.clocks) == 1:  # it crosses to no other
            sources.pop(*result.clocks)
        sources[_ASYNCHRONOUS] += self._netlist.inputs
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
            for name, port in self._netlist.readers[bit]:
                clock = self._netlist.clock(name, port)
                if clock is not None:
                    if clock != origin and not is_clock(port):
                        sampled[bit] += self._judge(result, name, port, bit, origin)
                elif self._netlist.cells[name]["type"] not in PLLS and name not in passed:
                    passed.add(name)
                    following = {
                        out
                        for out_port, out, is_output in self._netlist.pins(name)
                        if is_output and self._netlist.clock(name, out_port) is None
                    } - reached
                    reached |= following
                    stack += following
        result.unsafe += [
            f"{self._netlist.names[bit]} is sampled {count} times"
            for bit, count in sampled.items()
            if count > 1
        ]

    def _judge(self, result: Crossings, name: str, port: str, bit: int, origin: str) -> bool:
        """File one sampled signal; return whether it is a synchroniser's first stage."""
        where = self._netlist.names[bit]
        if port == "ARST" and self._shifts_constant(name):
            result.resets.append(where)
            return False
        if port == "D" and self._is_first_stage(name, bit):
            result.synchronizers.append(where)
            return True
        into = next(
            (self._netlist.names[b] for _, b, is_output in self._netlist.pins(name) if is_output),
            name,
        )
        result.unsafe.append(
            f"{where} ({origin}) is sampled by {into} (pin {port}) without a synchroniser"
        )
        return False

    def _is_first_stage(self, name: str, bit: int) -> bool:
        """Whether a foreign bit goes straight in, and straight on to one more flip-flop."""
        cell, driver = self._netlist.cells[name], self._netlist.drivers.get(bit)
        straight = driver is None or self._netlist.cells[driver]["type"] in (
            *_FLIP_FLOPS,
            *BUFFERS,
            *PLLS,
            "$not",
        )  # an inverter makes no glitches
        if not straight or cell["type"] != "$dff":
            return False
        output = cell["connections"]["Q"][cell["connections"]["D"].index(bit)]
        readers = self._netlist.readers[output]
        return (
            output not in self._netlist.outputs
            and len(readers) == 1
            and readers[0][1] == "D"
            and self._netlist.cells[readers[0][0]]["type"] == "$dff"
            and self._netlist.clock(readers[0][0], "D") == self._netlist.clock(name, "D")
        )

    def _shifts_constant(self, name: str) -> bool:
        """Whether a flip-flop with asynchronous reset belongs to a reset synchroniser."""
        cell = self._netlist.cells[name]
        if cell["type"] != "$adff":
            return False
        for bit in cell["connections"]["D"]:
            driver = self._netlist.drivers.get(bit)
            if isinstance(bit, int) and (
                driver is None
                or self._netlist.cells[driver]["type"] != "$adff"
                or self._netlist.cells[driver]["connections"]["ARST"] != cell["connections"]["ARST"]
            ):
                return False
        return True

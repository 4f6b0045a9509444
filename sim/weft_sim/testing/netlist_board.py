"""A board's synthesised netlist behind its pins: what goes into its bitstream, cell by cell."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from weft_sim.pin_board import HARNESS, PinBoard
from weft_sim.tools import yosys_cells
from weft_sim.verilate import build_netlist

__all__ = ["ECP5_CELLS", "NetlistBoard"]

ECP5_CELLS = Path(__file__).with_name("ecp5_cells.v")
_CELLS = {"ecp5": ECP5_CELLS, "ice40": Path(__file__).with_name("ice40_cells.v")}

# What the harness drives and looks at, around the netlist.
_PINS = """module pins (
    input clk, rx,
    output tx, idle, error
);
    wire idle_n, error_n, low = 0, high = 1;
    {inversions}
    top board ({connections});
endmodule
"""


class NetlistBoard(PinBoard):
    """A :class:`~weft_sim.pin_board.PinBoard` of the cells that synthesis left.

    Yosys's own models of these cells, and Weft's (``FAMILY_cells.v``) of those that yosys has as
    black boxes. Cells have no delays. Nothing resets the design but its own power-on reset; what
    has no value at power-up is random.

    Parameters
    ----------
    netlist : Path
        Verilog of the module ``top``, with the board's pins as ports.
    family : str
        ``ecp5`` or ``ice40``.
    connections : mapping
        Name of a port to what it is connected to: ``clk`` (in place of the oscillator, at the rate
        that the PLL makes), ``rx``, ``tx``, ``idle``, ``error``, ``idle_n`` or ``error_n`` (of a
        light that is on at 0), ``low`` or ``high``.
    clock_hz, baud : int
        What the design was built for.
    progress : callable, optional
        Called with the name of each stage while the library is built.

    Raises
    ------
    ToolError
        If the library has to be built and a tool is missing or fails.
    """

    def __init__(
        self,
        netlist: Path,
        connections: Mapping[str, str],
        *,
        family: str,
        clock_hz: int,
        baud: int,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        inversions = [
            f"assign {light} = ~{light}_n;"
            for light in ("idle", "error")
            if f"{light}_n" in connections.values()
        ]
        ports = ", ".join(f".{port}({value})" for port, value in connections.items())
        with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
            pins = Path(scratch) / "pins.v"
            pins.write_text(_PINS.format(connections=ports, inversions=" ".join(inversions)))
            library = build_netlist(
                netlist,
                [pins, _CELLS[family]],
                yosys_cells(family) / "cells_sim.v",
                HARNESS,
                progress,
            )
        self._open(library, clock_hz, baud)

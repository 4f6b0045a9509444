"""A board's synthesised netlist behind its pins: what goes into its bitstream, cell by cell."""

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from weft_hw.contract.config import Config

from weft_sim.pin_board import HARNESS, PinBoard
from weft_sim.tools import yosys_cells
from weft_sim.verilate import build_netlist

__all__ = ["ECP5_CELLS", "GOWIN_CELLS", "NetlistBoard"]

ECP5_CELLS = Path(__file__).with_name("ecp5_cells.v")
GOWIN_CELLS = Path(__file__).with_name("gowin_cells.v")
_CELLS = {
    "ecp5": ECP5_CELLS,
    "ice40": Path(__file__).with_name("ice40_cells.v"),
    "gowin": GOWIN_CELLS,
}

# What the harness drives and looks at, around the netlist.
_PINS = """module pins (
    input clk, rx,{ports}
    output tx, idle, error
);
    wire idle_n, error_n, low = 0, high = 1;
    {lines}
    top board ({connections});
endmodule
"""
# The SDRAM takes what the pads show when its own clock rises, and drives the data lines whenever
# it gets no WRITE. Masked words do not reach it.
_SDRAM_PORTS = """
    output reg sdram__ras, sdram__cas, sdram__we, output reg [1:0] sdram__ba,
    output reg [12:0] sdram__a, output reg [15:0] sdram__dq_o, input [15:0] sdram__dq_i,"""
_SDRAM_LINES = """
    wire ras_n, cas_n, we_n, cs_n, clk_en, sdram_clk;
    wire [1:0] ba, dqm;
    wire [12:0] a;
    wire [15:0] dq;
    assign dq = ras_n & ~cas_n & ~we_n ? 16'bz : sdram__dq_i;
    always @(posedge sdram_clk) begin
        sdram__ras <= ~ras_n & ~cs_n & clk_en;
        sdram__cas <= ~cas_n & ~cs_n & clk_en & ~(ras_n & |dqm);
        sdram__we <= ~we_n & ~cs_n & clk_en;
        sdram__ba <= ba;
        sdram__a <= a;
        sdram__dq_o <= dq;
    end"""
_SDRAM_CONNECTIONS = {
    "ras": "ras_n",
    "cas": "cas_n",
    "we": "we_n",
    "cs": "cs_n",
    "clk_en": "clk_en",
    "clk": "sdram_clk",
    "ba": "ba",
    "dqm": "dqm",
    "a": "a",
    "dq": "dq",
}


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
        ``ecp5``, ``ice40`` or ``gowin``.
    connections : mapping
        Name of a port to what it is connected to: ``clk`` (in place of the oscillator, at the rate
        that the PLL makes), ``rx``, ``tx``, ``idle``, ``error``, ``idle_n`` or ``error_n`` (of a
        light that is on at 0), ``low`` or ``high``.
    clock_hz, baud : int
        What the design was built for.
    memory : Config, optional
        A configuration with memory beside the chip: the board's ``sdram`` 0 is connected.
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
        memory: Config | None = None,
        progress: Callable[[str], None] = lambda stage: None,
    ):
        lines = [
            f"assign {light} = ~{light}_n;"
            for light in ("idle", "error")
            if f"{light}_n" in connections.values()
        ]
        wires = dict(connections)
        if memory:
            lines.append(_SDRAM_LINES)
            wires |= {f"sdram_0__{pin}__io": wire for pin, wire in _SDRAM_CONNECTIONS.items()}
        text = _PINS.format(
            ports=_SDRAM_PORTS if memory else "",
            lines="\n    ".join(lines),
            connections=", ".join(f".{port}({wire})" for port, wire in wires.items()),
        )
        with tempfile.TemporaryDirectory(prefix="weft-") as scratch:
            pins = Path(scratch) / "pins.v"
            pins.write_text(text)
            library = build_netlist(
                netlist,
                [pins, _CELLS[family]],
                yosys_cells(family) / "cells_sim.v",
                HARNESS,
                progress,
            )
        self._open(library, clock_hz, baud)
        if memory:
            self._size_memory(memory)
            self._call("board_has_pads")

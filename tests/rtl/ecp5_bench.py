"""Bare ECP5 cells in every mode that Weft's models have, each with ports of its own."""

from dataclasses import dataclass, field

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Cells", "Ecp5Bench"]

MULTIPLIER_PORTS = wiring.Signature(
    {
        "a": In(18),
        "b": In(18),
        "signed_a": In(1),
        "signed_b": In(1),
        "ce": In(1),
        "rst": In(1),
        "o": Out(36),
    }
)
MEMORY_PORTS = wiring.Signature(
    {
        "write_address": In(14),
        "write_data": In(36),
        "wea": In(1),
        "cea": In(1),
        "csa": In(3),
        "read_address": In(14),
        "ceb": In(1),
        "oceb": In(1),
        "csb": In(3),
        "rstb": In(1),
        "o": Out(36),
    }
)


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Which registers each multiplier has (input, pipeline, output), each memory's width and mode.

    Ports of number k begin with ``multiplier_<k>__`` or ``memory_<k>__``.
    """

    multipliers: list[tuple[bool, ...]] = field(default_factory=list)
    memories: list[tuple[int, str]] = field(default_factory=list)


def _pins(letter: str, value, start: int = 0) -> dict:
    return {f"i_{letter}{bit - start}": value[bit] for bit in range(start, len(value))}


class Ecp5Bench(wiring.Component):
    def __init__(self, cells: Cells):
        self.cells = cells
        super().__init__(
            {f"multiplier_{k}": Out(MULTIPLIER_PORTS) for k in range(len(cells.multipliers))}
            | {f"memory_{k}": Out(MEMORY_PORTS) for k in range(len(cells.memories))}
        )

    def elaborate(self, platform):
        m = Module()
        for k, registers in enumerate(self.cells.multipliers):
            self._add_multiplier(m, getattr(self, f"multiplier_{k}"), registers)
        for k, (width, mode) in enumerate(self.cells.memories):
            self._add_memory(m, getattr(self, f"memory_{k}"), width, mode)
        return m

    def _add_multiplier(self, m, ports, registers):
        inputs, pipeline, output = ("CLK0" if used else "NONE" for used in registers)
        zero = {f"i_{name}{k}": Const(0, 1) for name in ("CLK", "CE", "RST") for k in (1, 2, 3)}
        m.submodules += Instance(
            "MULT18X18D",
            **_pins("A", ports.a),
            **_pins("B", ports.b),
            **zero,
            **_pins("C", Const(0, 18)),
            i_SIGNEDA=ports.signed_a,
            i_SIGNEDB=ports.signed_b,
            i_SOURCEA=Const(0, 1),
            i_SOURCEB=Const(0, 1),
            i_CLK0=ClockSignal(),
            i_CE0=ports.ce,
            i_RST0=ports.rst,
            **{f"o_P{bit}": ports.o[bit] for bit in range(36)},
            p_REG_INPUTA_CLK=inputs,
            p_REG_INPUTB_CLK=inputs,
            p_REG_PIPELINE_CLK=pipeline,
            p_REG_OUTPUT_CLK=output,
        )

    def _add_memory(self, m, ports, width, mode):
        outputs = Signal(36)
        # The widest shape has its low half at DOA.
        low, high = ("A", "B") if width == 36 else ("B", "A")
        m.d.comb += ports.o.eq(outputs[:width])
        m.submodules += Instance(
            "DP16KD",
            p_DATA_WIDTH_A=width,
            p_DATA_WIDTH_B=width,
            p_REGMODE_A=mode,
            p_REGMODE_B=mode,
            **_pins("ADA", ports.write_address),
            **_pins("ADB", ports.read_address),
            **_pins("DIA", ports.write_data[:18]),
            **_pins("DIB", ports.write_data, 18),
            **_pins("CSA", ports.csa),
            **_pins("CSB", ports.csb),
            i_CLKA=ClockSignal(),
            i_CEA=ports.cea,
            i_OCEA=Const(1, 1),
            i_WEA=ports.wea,
            i_RSTA=Const(0, 1),
            i_CLKB=ClockSignal(),
            i_CEB=ports.ceb,
            i_OCEB=ports.oceb,
            i_WEB=Const(0, 1),
            i_RSTB=ports.rstb,
            **{f"o_DO{low}{bit}": outputs[bit] for bit in range(18)},
            **{f"o_DO{high}{bit}": outputs[18 + bit] for bit in range(18)},
        )

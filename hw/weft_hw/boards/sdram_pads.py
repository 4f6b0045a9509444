"""Pads of an SDR SDRAM: a register in each, and the clock that the chip gets."""

from typing import Any

from amaranth.hdl import Const, Module
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In

from weft_hw.memory.sdram.chips import SdramChip
from weft_hw.memory.sdram.pins import pins_of

__all__ = ["SdramPads"]


class SdramPads(wiring.Component):
    """Registers at the pins, of ``sync`` alone; the chip's clock is its inverse.

    Parameters
    ----------
    port
        The platform's resource, requested without direction.
    chip : SdramChip

    Members
    -------
    pins : In(pins_of(chip))
    """

    pins: Any

    def __init__(self, port: Any, chip: SdramChip):
        self._port = port
        super().__init__({"pins": In(pins_of(chip))})

    def elaborate(self, platform):
        m = Module()
        port, pins = self._port, self.pins
        clk: Any = io.DDRBuffer(io.Direction.Output, port.clk)
        m.submodules.clk = clk
        m.d.comb += [clk.o[0].eq(0), clk.o[1].eq(1)]
        for name, value in [
            ("clk_en", Const(1, 1)),
            ("cs", Const(1, 1)),
            ("ras", pins.ras),
            ("cas", pins.cas),
            ("we", pins.we),
            ("ba", pins.ba),
            ("a", pins.a),
            ("dqm", pins.dqm.replicate(2)),
        ]:
            m.submodules[name] = pad = io.FFBuffer(io.Direction.Output, getattr(port, name))
            m.d.comb += pad.o.eq(value)
        # A tristate register for each pin: one for all of them would be too far from most.
        for index in range(len(pins.dq_o)):
            m.submodules[f"dq_{index}"] = pad = io.FFBuffer(io.Direction.Bidir, port.dq[index])
            m.d.comb += [
                pad.o.eq(pins.dq_o[index]),
                pad.oe.eq(pins.dq_oe),
                pins.dq_i[index].eq(pad.i),
            ]
        return m

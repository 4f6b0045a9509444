"""A design and the controller of the SDRAM that lies beside it."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from weft_hw.boards.sdram import sdram_beside
from weft_hw.contract.config import Config
from weft_hw.memory.sdram.controller import SdramController

from weft_sim.stalling_port import StallingPort

__all__ = ["Beside", "controller_beside"]


def controller_beside(config: Config) -> SdramController:
    """Return the controller of what :func:`sdram_beside` says."""
    return SdramController(*sdram_beside(config))


class Beside(wiring.Component):
    """The ports of ``design``, but for that of the memory, and the pins of its SDRAM.

    Parameters
    ----------
    design : Component
        A :class:`~weft_hw.core.Core`, or a :class:`~weft_hw.system.System` with the controller
        inside.
    controller : SdramController

    Members
    -------
    sdram : Out, as the controller's ``pins``
    """

    sdram: Any  # interface

    def __init__(self, design: Any, controller: SdramController, stalls: int = 0):
        self._design, self._controller, self._stalls = design, controller, stalls
        self._members = {
            name: member for name, member in design.signature.members.items() if name != "memory"
        }
        super().__init__({**self._members, "sdram": Out(controller.pins.signature)})

    def elaborate(self, platform):
        """Connect them."""
        m = Module()
        design, controller = self._design, self._controller
        m.submodules.design = design
        if "memory" in design.signature.members:
            m.submodules.sdram = controller
            asks = design.memory
            if self._stalls:
                port = design.signature.members["memory"].signature
                m.submodules.stalls = gate = StallingPort(port, self._stalls)
                wiring.connect(m, asks, gate.asks)
                asks = gate.memory
            wiring.connect(m, asks, controller.port)
        wiring.connect(m, controller.pins, wiring.flipped(self.sdram))
        for name, member in self._members.items():
            mine, its = getattr(self, name), getattr(design, name)
            if not member.is_port:
                wiring.connect(m, wiring.flipped(mine), its)
            elif member.flow is In:
                m.d.comb += its.eq(mine)
            else:
                m.d.comb += mine.eq(its)
        return m

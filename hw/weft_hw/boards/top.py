"""The complete design on a board: clock, reset, pins, and the system behind them."""

import importlib

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, ResetInserter, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import FFSynchronizer

from weft_hw.boards.board import Board
from weft_hw.boards.links import LINKS
from weft_hw.boards.sdram import sdram_of
from weft_hw.boards.sdram_pads import SdramPads
from weft_hw.contract.config import get_config
from weft_hw.memory.sdram.controller import SdramController
from weft_hw.parts.delay import delay
from weft_hw.system import System
from weft_hw.tech.ecp5.family import Ecp5
from weft_hw.tech.ecp5.pll import ecp5_pll_settings
from weft_hw.tech.gowin.family import Gowin
from weft_hw.tech.gowin.pll import gowin_pll_settings
from weft_hw.tech.ice40.family import Ice40
from weft_hw.tech.ice40.pll import ice40_pll_settings

__all__ = ["BoardTop", "clock_hz", "floorplan_of", "platform_of"]

_FAMILIES = {
    "ecp5": (Ecp5, ecp5_pll_settings),
    "ice40": (Ice40, ice40_pll_settings),
    "gowin": (Gowin, gowin_pll_settings),
}


def _named(place: str):
    """Return what a module and a name, joined by a colon, stand for."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def floorplan_of(board: Board) -> list[tuple[str, str]]:
    """Return (cell, site) of cells that the placer is not to move; no cell: the site is empty."""
    if not board.floorplan:
        return []
    return list(_named(board.floorplan)(get_config(board.config)))


def platform_of(board: Board):
    """Return a new instance of the board's platform."""
    platform = _named(board.platform)()
    if board.extra_resources:
        platform.add_resources(getattr(platform, board.extra_resources))
    return platform


def clock_hz(board: Board) -> int:
    """Return the clock that the board's PLL really makes, in whole Hz."""
    _, settings = _FAMILIES[board.family]
    return round(settings(board.oscillator_hz, board.clock_hz).output_hz)


class BoardTop(Elaboratable):
    """A :class:`~weft_hw.system.System` in a ``sync`` domain of its own, on the board's pins.

    The system is reset until the PLL has locked, and while the button is pressed. The domain has
    no reset of its own, whose wires would reach every register and pull the placement together.

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board: Board):
        self.board = board

    def elaborate(self, platform):
        m = Module()
        board = self.board
        tech = _FAMILIES[board.family][0]()

        def port(resource):
            return platform.request(*resource, dir="-")

        m.submodules.pll = pll = tech.pll(
            port((platform.default_clk, 0)), input_hz=board.oscillator_hz, wanted_hz=board.clock_hz
        )
        m.submodules.button = button = io.Buffer(io.Direction.Input, port(board.reset))
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(pll.clock)
        locked, pressed = Signal(), Signal()
        m.submodules.lock_synchronizer = FFSynchronizer(pll.locked, locked)
        m.submodules.button_synchronizer = FFSynchronizer(button.i, pressed)

        config, memory = get_config(board.config), None
        if config.dram_bytes:
            memory = self._sdram(m, port, locked)
        m.submodules.system = system = System(
            config,
            tech,
            LINKS[board.link](board, port, clock_hz(board), tech),
            clock_hz=clock_hz(board),
            memory=memory,
            buffer_bytes=board.buffer_bytes,
            buffer_frames=board.buffer_frames,
        )
        m.d.comb += system.reset.eq(~locked | pressed)
        lights = [
            (name, port(light), getattr(system, name))
            for name in ("idle", "busy", "error")
            if (light := getattr(board, name))
        ]
        for name, pin, value in lights:
            m.submodules[name] = buffer = io.Buffer(io.Direction.Output, pin)
            m.d.comb += buffer.o.eq(delay(m, value, 1, name=f"pin_{name}"))
        return m

    def _sdram(self, m, port, locked):
        """Return the controller of the board's SDRAM, behind its pads.

        The button does not reset it, which would end refreshes; it starts when the clock is there.
        """
        chip = sdram_of(self.board)
        controller = SdramController(chip, clock_hz(self.board))
        m.submodules.sdram_pads = pads = SdramPads(port(("sdram", 0)), chip)
        wiring.connect(m, controller.pins, pads.pins)
        return ResetInserter(~locked)(controller)

"""The complete design behind a board's pins: link, accelerator and status lights."""

from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.core import Core
from weft_hw.tech.portable import Portable

__all__ = ["System"]

_STREAMS = ("received", "sent")


class System(wiring.Component):
    """A :class:`~weft_hw.core.Core` behind a link, whose pins it has.

    Parameters
    ----------
    config : Config
    tech : Portable
        Where multipliers and memories come from.
    link : Component
        What makes bytes of a board's pins: a :class:`~weft_hw.link.uart.Uart`, say. It has
        ``reset``: In(1), ``received``: Out(stream.Signature(8)) and ``sent``:
        In(stream.Signature(8)). Its other members become the system's.
    memory : Component, optional
        What lies behind the memory port, with a member ``port``: In(Port). Needed where there is
        memory beside the chip. It is reset at power-up only.
    options
        As for :class:`~weft_hw.core.Core`.

    Members
    -------
    reset : In(1)
        As after power-up, but for the memories; synchronous. The ``sync`` domain needs no reset of
        its own, whose wires would reach every register.
    idle, busy, error : Out(1)
        For lights: the engine waits, runs; a frame was dropped since the session began.

    Raises
    ------
    ValueError
        If the memory and the configuration disagree.
    """

    reset: Signal
    idle: Signal
    busy: Signal
    error: Signal

    def __init__(self, config: Config, tech: Portable, link: Any, *, memory=None, **options):
        if (memory is not None) != (config.dram_bytes > 0):
            raise ValueError(
                f"System.memory must be there if Config.dram_bytes is not 0, and only "
                f"then, not {memory!r} for {config.dram_bytes}"
            )
        self._memory, self._link = memory, link
        self._core = Core(config, tech, **options)
        self._pins = {
            name: member for name, member in link.signature.members.items() if name not in _STREAMS
        }
        super().__init__({**self._pins, "idle": Out(1), "busy": Out(1), "error": Out(1)})

    def elaborate(self, platform):
        m = Module()
        link, core = self._link, self._core
        m.submodules.link, m.submodules.core = link, core
        wiring.connect(m, link.received, core.rx)
        wiring.connect(m, core.tx, link.sent)
        for name, member in self._pins.items():
            inner, outer = getattr(link, name), getattr(self, name)
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        if self._memory is not None:
            m.submodules.memory = self._memory
            wiring.connect(m, core.memory, self._memory.port)
        m.d.comb += [
            core.reset.eq(self.reset),
            self.idle.eq(~core.busy),
            self.busy.eq(core.busy),
            self.error.eq(core.error),
        ]
        return m

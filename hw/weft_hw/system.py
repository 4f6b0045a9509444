"""The complete design behind a board's pins: serial port, accelerator and status lights."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from weft_hw.contract.config import Config
from weft_hw.core import Core
from weft_hw.link.uart import Uart
from weft_hw.tech.portable import Portable

__all__ = ["System"]


class System(wiring.Component):
    """A :class:`~weft_hw.core.Core` behind a :class:`~weft_hw.link.uart.Uart`.

    Parameters
    ----------
    config : Config
    tech : Portable
        Where multipliers and memories come from.
    clock_hz, baud : int
        Clock of the ``sync`` domain, and rate of the serial port; at least 4 cycles per bit.
    memory : Component, optional
        What lies behind the memory port, with a member ``port``: In(Port). Needed where there is
        memory beside the chip. It is reset at power-up only.
    options
        As for :class:`~weft_hw.core.Core`.

    Members
    -------
    rx : In(1), tx : Out(1)
        Pins of the serial port; ``rx`` is synchronised here.
    reset : In(1)
        As after power-up, but for the memories; synchronous. The ``sync`` domain needs no reset of
        its own, whose wires would reach every register.
    idle, busy, error : Out(1)
        For lights: the engine waits, runs; a frame or byte was dropped since the session began.

    Raises
    ------
    ValueError
        If the clock is too slow for ``baud``, or the memory and the configuration disagree.
    """

    rx: Signal
    tx: Signal
    reset: Signal
    idle: Signal
    busy: Signal
    error: Signal

    def __init__(
        self, config: Config, tech: Portable, *, clock_hz: int, baud: int, memory=None, **options
    ):
        if (memory is not None) != (config.dram_bytes > 0):
            raise ValueError(
                f"System.memory must be there if Config.dram_bytes is not 0, and only "
                f"then, not {memory!r} for {config.dram_bytes}"
            )
        self._memory = memory
        self._uart = Uart(clock_hz=clock_hz, baud=baud)
        self._core = Core(config, tech, clock_hz=clock_hz, **options)
        super().__init__(
            {
                "rx": In(1),
                "tx": Out(1),
                "reset": In(1),
                "idle": Out(1),
                "busy": Out(1),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        uart, core = self._uart, self._core
        m.submodules.uart, m.submodules.core = ResetInserter(self.reset)(uart), core
        wiring.connect(m, uart.received, core.rx)
        wiring.connect(m, core.tx, uart.sent)
        if self._memory is not None:
            m.submodules.memory = self._memory
            wiring.connect(m, core.memory, self._memory.port)
        m.d.comb += [
            uart.rx.eq(self.rx),
            core.reset.eq(self.reset),
            self.tx.eq(uart.tx),
            self.idle.eq(~core.busy),
            self.busy.eq(core.busy),
            self.error.eq(core.error),
        ]
        return m

"""A clock at a pin, later than the data beside it; steps from the data sheet (FPGA-DS-02012)."""

from typing import Any

from amaranth.hdl import ClockSignal, Const, Elaboratable, Instance, Module, Signal
from amaranth.lib import io

__all__ = ["Ecp5LateClock"]

_STEP_SECONDS, _STEPS = 25e-12, 127  # of a DELAYG


class Ecp5LateClock(Elaboratable):
    """The clock of a domain at a pin, by ODDRX1F and DELAYG.

    Parameters
    ----------
    port
        The pin, requested without direction.
    domain : str
    seconds : float
        How much later than what an ODDRX1F beside it brings, 3.175 ns at most.

    Raises
    ------
    ValueError
        If that is beyond the delay's range.
    """

    def __init__(self, port: Any, *, domain: str, seconds: float):
        self._port, self._domain = port, domain
        self._steps = round(seconds / _STEP_SECONDS)
        if not 0 <= self._steps <= _STEPS:
            raise ValueError(f"a delay must be within 0 and 3.175 ns, not {seconds * 1e9:g} ns")

    def elaborate(self, platform):
        m = Module()
        early, late = Signal(), Signal()
        m.submodules.ddr = Instance(
            "ODDRX1F",
            i_SCLK=ClockSignal(self._domain),
            i_RST=Const(0),
            i_D0=Const(1),
            i_D1=Const(0),
            o_Q=early,
        )
        m.submodules.delay = Instance(
            "DELAYG", p_DEL_MODE="USER_DEFINED", p_DEL_VALUE=self._steps, i_A=early, o_Z=late
        )
        m.submodules.pad = pad = io.Buffer(io.Direction.Output, self._port)
        m.d.comb += pad.o.eq(late)
        return m

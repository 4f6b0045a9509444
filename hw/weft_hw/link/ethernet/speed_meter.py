"""How fast the transceiver's clock runs, which tells what a cycle of it brings."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import Out

__all__ = ["SpeedMeter"]

_CYCLES = 32  # of the transceiver's clock, which are timed
_GIGABIT_HZ, _SLOWER_HZ = 125e6, 25e6


class SpeedMeter(wiring.Component):
    """Tell a clock ``ethernet`` of 125 MHz from one of 25 or 2.5 MHz, by ``sync``.

    RGMII has these clocks at gigabit, 100 and 10 Mbit/s (RGMII 2.0, 5.0). Not every transceiver
    tells its speed between frames, as the standard allows. The answer is a few hundred cycles old.

    Parameters
    ----------
    clock_hz : int
        Of ``sync``.

    Members
    -------
    slow : Out(1)
        In ``ethernet``: not gigabit.
    """

    slow: Signal

    def __init__(self, clock_hz: int):
        # Halfway between the two, as a ratio.
        self._limit = round(_CYCLES * clock_hz / (_GIGABIT_HZ * _SLOWER_HZ) ** 0.5)
        super().__init__({"slow": Out(1)})

    def elaborate(self, platform):
        m = Module()
        counter, wave, before = Signal(range(2 * _CYCLES)), Signal(), Signal()
        m.d.ethernet += counter.eq(counter + 1)
        m.submodules.wave = FFSynchronizer(counter[-1], wave)
        took, slow = Signal(range(self._limit + 1)), Signal()
        m.d.sync += before.eq(wave)
        with m.If(wave != before):
            m.d.sync += [slow.eq(took == self._limit), took.eq(0)]
        with m.Elif(took != self._limit):
            m.d.sync += took.eq(took + 1)
        m.submodules.slow = FFSynchronizer(slow, self.slow, o_domain="ethernet")
        return m

"""rPLL of Gowin GW1N and GW2A; limits that a GW1NR-9 C6/I5 and a GW2AR-18 C8/I7 both keep.

The data sheets' (DS117, DS102), as Project Apicula's ``gowin_pll`` has them.
"""

from amaranth.hdl import Const, Instance, Module
from amaranth.lib import io

from weft_hw.tech.pll import Pll, PllSettings, choose, within

__all__ = ["GowinPll", "gowin_pll_settings"]

_DETECTOR_HZ = (3e6, 400e6)
_OSCILLATOR_HZ = (500e6, 1200e6)
_OUTPUT_HZ = (3.90625e6, 600e6)
_DIVISORS = range(1, 65)
_OUTPUT_DIVISORS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)


def gowin_pll_settings(input_hz: float, wanted_hz: float) -> PllSettings:
    """Return the divisors for the clock nearest to ``wanted_hz`` that is not above it.

    The output is the feedback: ``output = input * FBDIV / IDIV``, and the oscillator inside runs
    at that times ``ODIV``. ``multiply`` is ``FBDIV * ODIV``.

    Raises
    ------
    ValueError
        If the PLL cannot do it.
    """
    candidates = []
    for divide in _DIVISORS:
        detector = input_hz / divide
        if not within(detector, _DETECTOR_HZ):
            continue
        for feedback in _DIVISORS:
            output = detector * feedback
            candidates += [
                PllSettings(
                    divide=divide,
                    multiply=feedback * output_divide,
                    output_divide=output_divide,
                    detector_hz=detector,
                    oscillator_hz=output * output_divide,
                    output_hz=output,
                )
                for output_divide in _OUTPUT_DIVISORS
                if within(output, _OUTPUT_HZ) and within(output * output_divide, _OSCILLATOR_HZ)
            ]
    return choose(candidates, input_hz, wanted_hz)


class GowinPll(Pll):
    """:class:`Pll` in one rPLL, of the chip for which it is elaborated."""

    def __init__(self, port, settings: PllSettings, *, input_hz: float):
        self._input_hz = input_hz
        super().__init__(port, settings)

    def elaborate(self, platform):
        m = Module()
        m.submodules.pin = pin = io.Buffer(io.Direction.Input, self.port)
        settings = self.settings
        m.submodules.pll = Instance(
            "rPLL",
            p_FCLKIN=f"{self._input_hz / 1e6:g}",
            p_DEVICE=platform.family,
            p_DYN_IDIV_SEL="false",
            p_IDIV_SEL=settings.divide - 1,
            p_DYN_FBDIV_SEL="false",
            p_FBDIV_SEL=settings.multiply // settings.output_divide - 1,
            p_DYN_ODIV_SEL="false",
            p_ODIV_SEL=settings.output_divide,
            p_PSDA_SEL="0000",
            p_DYN_DA_EN="false",
            p_DUTYDA_SEL="1000",
            p_CLKOUT_FT_DIR=Const(1, 1),
            p_CLKOUTP_FT_DIR=Const(1, 1),
            p_CLKOUT_DLY_STEP=0,
            p_CLKOUTP_DLY_STEP=0,
            p_CLKFB_SEL="internal",
            p_CLKOUT_BYPASS="false",
            p_CLKOUTP_BYPASS="false",
            p_CLKOUTD_BYPASS="false",
            p_DYN_SDIV_SEL=2,
            p_CLKOUTD_SRC="CLKOUT",
            p_CLKOUTD3_SRC="CLKOUT",
            i_CLKIN=pin.i,
            i_CLKFB=Const(0, 1),
            i_RESET=Const(0, 1),
            i_RESET_P=Const(0, 1),
            i_FBDSEL=Const(0, 6),
            i_IDSEL=Const(0, 6),
            i_ODSEL=Const(0, 6),
            i_PSDA=Const(0, 4),
            i_DUTYDA=Const(0, 4),
            i_FDLY=Const(0, 4),
            o_CLKOUT=self.clock,
            o_LOCK=self.locked,
        )
        return m

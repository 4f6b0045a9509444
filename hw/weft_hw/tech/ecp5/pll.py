"""EHXPLLL of Lattice ECP5; limits from the family's data sheet (FPGA-DS-02012, sysCLOCK PLL)."""

from amaranth.hdl import Const, Instance, Module, Signal, Value
from amaranth.lib import io

from weft_hw.tech.pll import Pll, PllSettings, choose, within

__all__ = ["Ecp5Pll", "ecp5_pll_settings"]

_INPUT_HZ = (8e6, 400e6)
_DETECTOR_HZ = (10e6, 400e6)
_OSCILLATOR_HZ = (400e6, 800e6)
_OUTPUT_HZ = (3.125e6, 400e6)
_DIVISORS = range(1, 129)


def ecp5_pll_settings(input_hz: float, wanted_hz: float) -> PllSettings:
    """Return the divisors for the clock nearest to ``wanted_hz`` that is not above it.

    The second output, ``CLKOS``, is the feedback: the oscillator inside runs at ``input *
    CLKFB_DIV * CLKOS_DIV / CLKI_DIV``, and ``CLKOP``, the result, at that by ``CLKOP_DIV``.
    ``multiply`` is ``CLKFB_DIV * CLKOS_DIV``.

    Raises
    ------
    ValueError
        If the PLL cannot do it.
    """
    candidates = []
    for divide in _DIVISORS:
        detector = input_hz / divide
        if not (within(detector, _DETECTOR_HZ) and within(input_hz, _INPUT_HZ)):
            continue
        for multiply in range(2, int(_OSCILLATOR_HZ[1] / detector) + 1):
            oscillator = detector * multiply
            if not within(oscillator, _OSCILLATOR_HZ) or not _feedback(multiply):
                continue
            candidates += [
                PllSettings(
                    divide=divide,
                    multiply=multiply,
                    output_divide=output_divide,
                    detector_hz=detector,
                    oscillator_hz=oscillator,
                    output_hz=oscillator / output_divide,
                )
                for output_divide in _DIVISORS
                if within(oscillator / output_divide, _OUTPUT_HZ)
            ]
    return choose(candidates, input_hz, wanted_hz)


def _feedback(multiply: int) -> int:
    """Return the smallest CLKOS_DIV for ``multiply``, 0 if there is none."""
    # From 2 on, CLKOS stays within the limits of an output.
    return next(
        (
            divisor
            for divisor in range(2, 129)
            if multiply % divisor == 0 and multiply // divisor in _DIVISORS
        ),
        0,
    )


class Ecp5Pll(Pll):
    """:class:`Pll` in one EHXPLLL."""

    def elaborate(self, platform):
        m = Module()
        reference = self.port
        if not isinstance(reference, Value):
            m.submodules.pin = pin = io.Buffer(io.Direction.Input, self.port)
            reference = pin.i
        settings = self.settings
        feedback, feedback_divide = Signal(), _feedback(settings.multiply)
        low = {
            f"i_{name}": Const(0, 1)
            for name in (
                "PHASESEL0",
                "PHASESEL1",
                "PHASEDIR",
                "PHASESTEP",
                "PHASELOADREG",
                "STDBY",
                "PLLWAKESYNC",
                "RST",
                "ENCLKOP",
            )
        }
        m.submodules.pll = Instance(
            "EHXPLLL",
            **low,
            p_CLKI_DIV=settings.divide,
            p_CLKFB_DIV=settings.multiply // feedback_divide,
            p_CLKOP_DIV=settings.output_divide,
            p_CLKOP_CPHASE=settings.output_divide // 2,
            p_CLKOP_FPHASE=0,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOS_DIV=feedback_divide,
            p_CLKOS_CPHASE=0,
            p_CLKOS_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_FEEDBK_PATH="CLKOS",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            i_CLKI=reference,
            i_CLKFB=feedback,
            o_CLKOP=self.clock,
            o_CLKOS=feedback,
            o_LOCK=self.locked,
            # Loop filter as Lattice's tools and ecppll set it.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
        )
        return m

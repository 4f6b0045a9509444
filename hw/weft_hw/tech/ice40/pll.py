"""SB_PLL40_PAD of Lattice iCE40; limits from the family's data sheets and TN1251."""

from amaranth.hdl import Const, Instance, Module

from weft_hw.tech.pll import Pll, PllSettings, choose, within

__all__ = ["Ice40Pll", "filter_range", "ice40_pll_settings"]

_INPUT_HZ = (10e6, 133e6)
_DETECTOR_HZ = (10e6, 133e6)
_OSCILLATOR_HZ = (533e6, 1066e6)
_OUTPUT_HZ = (16e6, 275e6)
_FILTER_LIMITS_HZ = (17e6, 26e6, 44e6, 66e6, 101e6)


def filter_range(detector_hz: float) -> int:
    """Return FILTER_RANGE for a frequency at the phase detector."""
    return 1 + sum(detector_hz >= limit for limit in _FILTER_LIMITS_HZ)


def ice40_pll_settings(input_hz: float, wanted_hz: float) -> PllSettings:
    """Return the divisors for the clock nearest to ``wanted_hz`` that is not above it.

    With simple feedback ``output = input * (DIVF + 1) / ((DIVR + 1) * 2**DIVQ)``.

    Raises
    ------
    ValueError
        If the PLL cannot do it.
    """
    candidates = []
    for divide in range(1, 17):
        detector = input_hz / divide
        for multiply in range(1, 129):
            oscillator = detector * multiply
            if not (
                within(input_hz, _INPUT_HZ)
                and within(detector, _DETECTOR_HZ)
                and within(oscillator, _OSCILLATOR_HZ)
            ):
                continue
            for exponent in range(1, 7):
                output = oscillator / (1 << exponent)
                if within(output, _OUTPUT_HZ):
                    candidates.append(
                        PllSettings(
                            divide=divide,
                            multiply=multiply,
                            output_divide=1 << exponent,
                            detector_hz=detector,
                            oscillator_hz=oscillator,
                            output_hz=output,
                        )
                    )
    return choose(candidates, input_hz, wanted_hz)


class Ice40Pll(Pll):
    """:class:`Pll` in the SB_PLL40_PAD beside the oscillator's pin."""

    def elaborate(self, platform):
        m = Module()
        settings = self.settings
        m.submodules.pll = Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=Const(settings.divide - 1, 4),
            p_DIVF=Const(settings.multiply - 1, 7),
            p_DIVQ=Const(settings.output_divide.bit_length() - 1, 3),
            p_FILTER_RANGE=Const(filter_range(settings.detector_hz), 3),
            i_PACKAGEPIN=self.port.io,
            i_RESETB=Const(1, 1),
            i_BYPASS=Const(0, 1),
            o_PLLOUTGLOBAL=self.clock,
            o_LOCK=self.locked,
        )
        return m

"""Clock multipliers: what a family's PLL can make of an oscillator, and the common signature."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

__all__ = ["Pll", "PllSettings", "choose", "within"]


@dataclass(frozen=True, kw_only=True)
class PllSettings:
    """Divisors of one PLL; ``output = input * multiply / (divide * output_divide)``.

    Parameters
    ----------
    divide, multiply, output_divide : int
        Of the reference, of the feedback, and behind the oscillator.
    detector_hz, oscillator_hz, output_hz : float
        Frequencies at the phase detector, of the oscillator inside, and of the result.
    """

    divide: int
    multiply: int
    output_divide: int
    detector_hz: float
    oscillator_hz: float
    output_hz: float


def within(value: float, limits: tuple[float, float]) -> bool:
    """Return whether ``value`` lies between two limits, which belong to the range."""
    return limits[0] <= value <= limits[1]


def choose(candidates: list[PllSettings], input_hz: float, wanted_hz: float) -> PllSettings:
    """Return the fastest clock that is not above ``wanted_hz``, at the fastest phase detector.

    Raises
    ------
    ValueError
        If there is none, or only one more than 5 % slower.
    """
    fitting = [c for c in candidates if 0.95 * wanted_hz <= c.output_hz <= wanted_hz * (1 + 1e-9)]
    if not fitting:
        raise ValueError(f"a PLL cannot make {wanted_hz / 1e6:g} MHz of {input_hz / 1e6:g} MHz")
    return max(fitting, key=lambda c: (c.output_hz, c.detector_hz, -c.oscillator_hz))


class Pll(wiring.Component):
    """A clock made from the oscillator's pin or another PLL's clock; each family has a subclass.

    Parameters
    ----------
    port : amaranth.lib.io.SingleEndedPort or Signal
        The oscillator's pin, or on ECP5 the other clock.
    settings : PllSettings

    Members
    -------
    clock : Out(1)
    locked : Out(1), asynchronous
    """

    clock: Signal
    locked: Signal

    def __init__(self, port: Any, settings: PllSettings):
        self.port, self.settings = port, settings
        super().__init__({"clock": Out(1), "locked": Out(1)})

"""The steps of a component: a register after each, or none."""

from amaranth.hdl import Module

from weft_hw.parts.delay import delay

__all__ = ["Combinational", "Registered"]


class Registered:
    """A register after each step, so that something new can enter every cycle.

    Parameters
    ----------
    m : Module
        That of the component.

    Attributes
    ----------
    d
        The domain of the steps, to be added to with ``+=``.
    """

    CYCLES = 1  # of a step

    def __init__(self, m: Module):
        self._m, self.d = m, m.d.sync

    def late(self, value, steps: int, *, name: str):
        """Return ``value`` as it was ``steps`` steps ago."""
        return delay(self._m, value, steps, name=name)


class Combinational(Registered):
    """No registers: what enters stands still until it has been used.

    Parameters and attributes as of :class:`Registered`.
    """

    CYCLES = 0

    def __init__(self, m: Module):
        self._m, self.d = m, m.d.comb

    def late(self, value, steps: int, *, name: str):
        """Return ``value``, which stands still."""
        return value

"""A chain of registers."""

from amaranth.hdl import Module, Signal

__all__ = ["delay"]


def delay(m: Module, value, cycles: int, *, name: str = "delayed"):
    """Return ``value`` as it was ``cycles`` cycles ago (``value`` itself for 0).

    The registers have no reset: what feeds them does, and lasts longer than any chain.
    """
    for index in range(cycles):
        stage = Signal.like(value, name=f"{name}_{index + 1}", reset_less=True)
        m.d.sync += stage.eq(value)
        value = stage
    return value

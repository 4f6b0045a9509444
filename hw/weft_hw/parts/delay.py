"""A chain of registers, and registers of their own for copies of one signal."""

from amaranth.hdl import Module, Signal

__all__ = ["KEEP_APART", "delay"]

_APART = "weft_apart"
KEEP_APART = f"setattr -set keep 1 a:{_APART} %ci t:$dff %i"  # for yosys, once the design is read


def delay(m: Module, value, cycles: int, *, name: str = "delayed", apart: bool = False):
    """Return ``value`` as it was ``cycles`` cycles ago (``value`` itself for 0).

    The registers have no reset: what feeds them does, and lasts longer than any chain. Those of
    ``apart`` are marked, and :data:`KEEP_APART` tells synthesis not to merge them with others of
    the same content: each is to drive its own neighbourhood.
    """
    attributes = {_APART: 1} if apart else {}
    for index in range(cycles):
        stage = Signal.like(value, name=f"{name}_{index + 1}", reset_less=True, attrs=attributes)
        m.d.sync += stage.eq(value)
        value = stage
    return value

"""One level of a nested loop."""

from amaranth.hdl import Module, Mux, Signal, Value

__all__ = ["Loop"]


class Loop:
    """Counts the passes of a loop, and knows in a register whether this is the last one.

    The comparison is made a pass ahead, so that a nest of loops decides in a few gates how far
    it advances.

    Parameters
    ----------
    m : Module
    count : Value
        Passes, at least 1; constant while the loop runs.
    name : str
    settled : bool, optional
        ``count`` has been constant for some cycles when the loop restarts.

    Attributes
    ----------
    last : Signal(1)
        This is the last pass.
    """

    def __init__(self, m: Module, count: Value, name: str, *, settled: bool = False):
        self._count, self._settled = count, settled
        self._left = Signal.like(count, name=f"{name}_left")  # passes after this one
        self.last = Signal(name=f"{name}_last")
        self._most, self._single = Signal.like(count, name=f"{name}_most"), Signal()
        m.d.sync += [self._most.eq(count - 1), self._single.eq(count == 1)]

    def restart(self) -> list:
        """Return the statements that begin the first pass; ``count`` may be new."""
        if self._settled:
            return [self._left.eq(self._most), self.last.eq(self._single)]
        return [self._left.eq(self._count - 1), self.last.eq(self._count == 1)]

    def step(self) -> list:
        """Return the statements that begin the next pass, after the last one the first."""
        return [
            self._left.eq(Mux(self.last, self._most, self._left - 1)),
            self.last.eq(Mux(self.last, self._single, self._left == 1)),
        ]

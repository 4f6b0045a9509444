"""The cells that the core asks of a family of chips, and the family made of plain logic."""

from amaranth.hdl import Shape

from weft_hw.tech.memories import BlockRam, WeightColumn
from weft_hw.tech.multipliers import (
    Accumulator,
    Multiplier,
    MultiplyAdd,
    PairMultiplier,
    WideMultiplier,
)

__all__ = ["Portable"]


class Portable:
    """The cells that the core asks of a family; each family's module offers the same methods."""

    name = "portable"

    def multiplier(self, *, dsp: bool = True, dense: bool = False) -> Multiplier:
        """Return a multiplier with the ports and latency of :class:`Multiplier`.

        ``dsp`` asks for the family's multiplier block rather than fabric, and ``dense`` for
        little fabric even if more than one adder then lies between two registers.
        """
        return Multiplier()

    def pair_multiplier(self, *, dsp: bool = True) -> PairMultiplier:
        """Return a multiplier of sums with the ports and latency of :class:`PairMultiplier`."""
        return PairMultiplier()

    def multiply_add(self, shape: Shape, *, dsp: bool = True, dense: bool = False) -> MultiplyAdd:
        """Return a multiplier with an adder, with the ports and latency of :class:`MultiplyAdd`."""
        return MultiplyAdd(shape, self.multiplier(dsp=dsp, dense=dense))

    def accumulator(self, shape: Shape, *, dsp: bool = False, dense: bool = False) -> Accumulator:
        """Return an accumulator with the ports of :class:`Accumulator`.

        ``dsp`` asks for the family's multiplier block, where that has one, ``dense`` for the
        fewest LUTs even if ``add`` then passes through the adder.
        """
        return Accumulator(shape)

    def block_ram(self, *, width: int, depth: int, granularity: int | None = None) -> BlockRam:
        """Return a memory with the ports and latency of :class:`BlockRam`."""
        return BlockRam(width=width, depth=depth, granularity=granularity)

    def weight_column(
        self, *, rows: int, depth: int, columns: int = 1, at_once: int = 1, words: int = 1
    ) -> WeightColumn:
        """Return a weight memory with the ports and latency of :class:`WeightColumn`."""
        return WeightColumn(rows=rows, depth=depth, columns=columns, at_once=at_once, words=words)

    def wide_multiplier(self, a: Shape, b: Shape, *, dsp: bool = False) -> WideMultiplier:
        """Return a multiplier with the ports and latency of :class:`WideMultiplier`.

        ``dsp`` asks for the family's multiplier blocks rather than fabric.
        """
        return WideMultiplier(a, b)

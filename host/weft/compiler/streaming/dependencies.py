"""What must come before what: from who touched each unit of the memories last."""

from collections.abc import Iterable

import numpy as np
from weft_hw.contract.memory_map import Region

from weft.compiler.streaming.serial import Layer, Transfer

__all__ = ["Dependencies"]

_READ, _WROTE = 0, 1
_FEW = 64


class Dependencies:
    """Follows a program in plain order and finds what its layers and moves depend on.

    Dependencies come from overlaps alone. So where things lie decides about speed, never about
    correctness.

    Parameters
    ----------
    sizes : mapping
        Of each region on the chip that is moved, how many addresses there are.
    blocks : int
        Blocks of DRAM in use.
    """

    def __init__(self, sizes: dict[Region, int], blocks: int):
        self._layers = {r: np.zeros((2, n), np.int32) for r, n in sizes.items()}
        self._moves = {r: np.zeros((2, n), np.int32) for r, n in sizes.items()}
        self._moves[Region.DRAM] = np.zeros((2, blocks), np.int32)
        self._numbered: list[Transfer] = []
        self._count = 0  # layers

    def layer(self, layer: Layer) -> set[Transfer]:
        """Note a layer; return the moves that must be done before it."""
        found: set[int] = set()
        self._count += 1
        for touch in layer.touches:
            found |= self._last(touch.region, touch.first, touch.count, (_WROTE,))
            if touch.writes:
                found |= self._last(touch.region, touch.first, touch.count, (_READ,))
        for touch in layer.touches:
            part = slice(touch.first, touch.first + touch.count)
            self._layers[touch.region][int(touch.writes), part] = self._count
        return self._named(found)

    def transfer(self, move: Transfer) -> None:
        """Note a move, and fill in what must be done before it."""
        self._numbered.append(move)
        number, touch, store = len(self._numbered), move.touch, move.store
        part = slice(touch.first, touch.first + touch.count)
        layers = self._layers[touch.region][:, part]
        move.layers = int((layers[_WROTE] if store else layers).max(initial=0))
        found = self._last(touch.region, touch.first, touch.count, (_READ, _WROTE))
        self._moves[touch.region][_READ if store else _WROTE, part] = number
        if move.blocks:
            first = move.descriptor.block
            found |= self._last(Region.DRAM, first, move.blocks, (_READ, _WROTE))
            part = slice(first, first + move.blocks)
            self._moves[Region.DRAM][_WROTE if store else _READ, part] = number
        move.after = self._named(found)

    def _last(self, region: Region, first: int, count: int, kinds: Iterable[int]) -> set[int]:
        found: set[int] = set()
        for kind in kinds:
            numbers = self._moves[region][kind, first : first + count]
            if count > _FEW:  # mostly runs of the same number: the last of each will do
                found.add(int(numbers[-1]))
                numbers = numbers[:-1][numbers[1:] != numbers[:-1]]
            found.update(numbers.tolist())
        return found

    def _named(self, numbers: set[int]) -> set[Transfer]:
        return {self._numbered[number - 1] for number in numbers if number}

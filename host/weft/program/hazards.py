"""Who touched each unit of the memories on the chip last, and so what must be waited for."""

import numpy as np
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region, memory_map

__all__ = ["Hazards"]


class Hazards:
    """Numbers, from 1 on, of the last layer and move that read or wrote each unit of a run.

    Waits follow from overlaps alone. So where things lie decides about speed, never about
    correctness.
    """

    def __init__(self, config: Config):
        units = {
            region: memory.units
            for region, memory in memory_map(config).items()
            if region is not Region.DRAM
        }
        self._layers = {r: np.zeros((2, n), np.int32) for r, n in units.items()}
        self._moves = {r: np.zeros((2, n), np.int32) for r, n in units.items()}

    def layers_before_move(self, region: Region, first: int, count: int, *, store: bool) -> int:
        """Return how many layers must be done before a move touches units."""
        touched = self._layers[region][:, first : first + count]
        return int((touched[1] if store else touched).max(initial=0))

    def note_move(
        self, number: int, region: Region, first: int, count: int, *, store: bool
    ) -> None:
        """Note that move ``number`` reads (``store``) or writes units."""
        self._moves[region][0 if store else 1, first : first + count] = number

    def moves_before_layer(self, region: Region, first: int, count: int, *, writes: bool) -> int:
        """Return how many moves must be done before a layer reads or writes units."""
        touched = self._moves[region][:, first : first + count]
        return int((touched if writes else touched[1]).max(initial=0))

    def note_layer(
        self, number: int, region: Region, first: int, count: int, *, writes: bool
    ) -> None:
        """Note that layer ``number`` reads or writes units."""
        self._layers[region][int(writes), first : first + count] = number

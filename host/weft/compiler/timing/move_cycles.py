"""Cycles of a move: the memory beside the chip, the mover, and ports that the engine uses first.

The memory is the virtual board's: a word per cycle, but for refresh and the way to the first one.
"""

from collections.abc import Sequence

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import Move
from weft_hw.contract.timing import (
    MOVE_AFTER_LAYER,
    MOVE_LOAD,
    MOVE_SET_UP,
    MOVE_STORE,
    READ_ACTIVATION,
    READ_UNIT,
    REFRESH,
    REFRESH_EVERY,
    ROW_OPENED,
    WRITE_UNIT,
)

from weft.compiler.timing.port_use import MEMORY_WORD_BYTES, FreePorts

__all__ = ["MoveClock", "row_words"]

_OPENING = ROW_OPENED // 6  # a guess: of six loads, one finds another row open


def row_words(move: Move, unit_bytes: int) -> int:
    """Return the words of memory beside the chip that a row of a move has, whole blocks."""
    blocks = -(-move.count * unit_bytes // DRAM_BLOCK_BYTES)
    return blocks * DRAM_BLOCK_BYTES // MEMORY_WORD_BYTES


class MoveClock:
    """The time of moves, one after the other, beside layers."""

    def __init__(self, config: Config):
        self._memories = memory_map(config)
        self._layers: list[FreePorts] = []

    def busy(self, ports: Sequence[FreePorts]) -> None:
        """Note what a layer leaves; layers come in order."""
        self._layers += ports

    def carry_out(self, move: Move, offered: int, layers_done: int) -> int:
        """Return when a move is done.

        Parameters
        ----------
        offered : int
            When it is in the queue and the one before is done.
        layers_done : int
            When the layers are done that it waits for.
        """
        begin = offered + MOVE_SET_UP
        if move.layers:
            begin = max(begin, layers_done + MOVE_AFTER_LAYER)
        region, store, count = move.region, move.store, move.count
        words = row_words(move, self._memories[region].unit_bytes)
        each = READ_ACTIVATION if region is Region.ACTIVATION else READ_UNIT
        words = max(words, count * (each if store else WRITE_UNIT))
        cycles = move.rows * words
        # Refresh takes its part.
        cycles += cycles * REFRESH // (REFRESH_EVERY - REFRESH)
        begin += MOVE_STORE if store else MOVE_LOAD + _OPENING
        if region is not Region.ACTIVATION:
            return begin + cycles
        return self._beside_layers(begin, cycles, store)

    def _beside_layers(self, now: float, cycles: float, store: bool) -> int:
        """Return when ``cycles`` of work on activation memory are done, from ``now`` on."""
        layers = self._layers
        first = len(layers)
        while first and layers[first - 1].end > now:
            first -= 1
        for ports in layers[first:]:
            if cycles <= 0:
                break
            idle = max(0.0, ports.begin - now)
            if idle >= cycles:
                break
            cycles, now = cycles - idle, now + idle
            rate = ports.stores if store else ports.loads
            done = min(cycles, (ports.end - now) * rate)
            now = now + done / rate if rate and done == cycles else ports.end
            cycles -= done
        return int(now + cycles)

"""Cycles of a move: the memory beside the chip, the mover, and ports that the engine uses first.

The memory is the virtual board's: a word per cycle, but for refresh and the way to the first one.
"""

from dataclasses import dataclass

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac
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

from weft.compiler.ir import Command

__all__ = ["MEMORY_WORD_BYTES", "MoveClock", "Ports"]

MEMORY_WORD_BYTES = 2  # what the port moves in a cycle
_OPENING = ROW_OPENED // 6  # a guess: of six loads, one finds another row open


@dataclass(frozen=True)
class Ports:
    """Time that a layer leaves activation memory free between two cycles.

    ``loads`` and ``stores`` say at which part of their full speed moves go meanwhile.
    """

    begin: int
    end: int
    loads: float
    stores: float

    @classmethod
    def of(cls, config: Config, command: Command, begin: int, end: int) -> "Ports":
        """Return what ``command`` leaves."""
        f, beats, cycles = command.descriptor, config.beats, max(1, end - begin)
        unit = max(1, config.columns // MEMORY_WORD_BYTES)
        if isinstance(f, Elementwise):
            # Results leave in every cycle; of two operands, one is read in every cycle.
            idle = max(0.0, 1 - f.word_count * beats / cycles)
            return cls(begin, end, idle, 1.0 if f.unary else idle)
        if not isinstance(f, Mac):
            return cls(begin, end, 1.0, 0.0)
        # Rows of the input are read without a break.
        reads = -(-f.fill_rows * f.row_words // config.fill_words)
        rows = f.out_height * f.groups
        windows = rows * f.out_width
        reads += windows * beats * f.adds
        writes = windows * beats - rows // f.groups * f.out_width * (beats - f.last_beats)
        # Between results there are gaps: behind each window, or only behind each row. A gap lets
        # one unit pass, a long one a unit as often as they come.
        idle = max(0, cycles - writes)
        passes = max(min(windows if idle >= windows else rows, idle), idle / unit)
        return cls(begin, end, min(1.0, passes * unit / cycles), max(0.0, 1 - reads / cycles))


class MoveClock:
    """The time of moves, one after the other, beside layers."""

    def __init__(self, config: Config):
        self._memories = memory_map(config)
        self._layers: list[Ports] = []

    def busy(self, ports: Ports) -> None:
        """Note what a layer uses; layers come in order."""
        self._layers.append(ports)

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
        size = self._memories[region].unit_bytes
        blocks = -(-count * size // DRAM_BLOCK_BYTES)
        words = blocks * DRAM_BLOCK_BYTES // MEMORY_WORD_BYTES
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

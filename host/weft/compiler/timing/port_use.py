"""What a layer leaves of activation memory's two ports, which the engine uses first."""

from typing import NamedTuple

from weft_hw.contract.config import Config
from weft_hw.contract.layers import Elementwise, Mac
from weft_hw.contract.timing import READ_ACTIVATION

from weft.compiler.ir import Command
from weft.compiler.timing.mac_cycles import MacTimes

__all__ = ["MEMORY_WORD_BYTES", "FreePorts", "free_ports"]

MEMORY_WORD_BYTES = 2  # what the port of the memory beside the chip moves in a cycle
_UNITS = 24  # of which the average is taken


class FreePorts(NamedTuple):
    """At which part of their full speed moves go between two cycles.

    Parameters
    ----------
    begin, end : int
    loads, stores : float
        From 0 to 1.
    """

    begin: int
    end: int
    loads: float
    stores: float


def free_ports(config: Config, command: Command, begin: int, times: MacTimes) -> list[FreePorts]:
    """Return what ``command`` leaves from ``begin`` on, when its back half begins."""
    f, end = command.descriptor, times.end
    if isinstance(f, Elementwise):
        # Results leave in every cycle; of two operands, one is read in every cycle.
        idle = max(0.0, 1 - f.word_count * config.beats / max(1, end - begin))
        return [FreePorts(begin, end, idle, 1.0 if f.unary else idle)]
    if not isinstance(f, Mac):
        return [FreePorts(begin, end, 1.0, 0.0)]
    # Until results leave, rows of the input are read and nothing is written.
    first = min(max(times.first_result, begin), end)
    rows, row = f.fill_rows, -(-f.row_words // config.fill_words)
    early = min(rows, (first - begin) / (row + 1))
    lead = FreePorts(begin, first, 1.0, _stores(first - begin, early * row, early))
    cycles, beats = end - first, config.beats
    blocks = f.out_height * f.groups
    windows = blocks * f.out_width
    writes = windows * beats - f.out_height * f.out_width * (beats - f.last_beats)
    again = windows if f.adds else 0  # read what they are added to
    reads, gaps = (rows - early) * row + again * beats, rows - early + again
    loads = _loads(config, cycles, writes, windows, blocks)
    return [lead, FreePorts(first, end, loads, _stores(cycles, reads, gaps))]


def _loads(config: Config, cycles: int, writes: int, windows: int, blocks: int) -> float:
    """Return the speed of loads beside ``writes``.

    Between results there are gaps: behind each window, or only behind each row of a group. A gap
    lets one unit pass, a long one a unit as often as they come. A unit that comes amid a window's
    beats waits for their end.
    """
    unit = max(1, config.columns // MEMORY_WORD_BYTES)
    idle = max(0, cycles - writes)
    if idle < windows:
        return min(1.0, max(min(blocks, idle), idle / unit) * unit / max(1, cycles))
    period, now = cycles / windows, 0.0
    for _ in range(_UNITS):
        now += unit
        into = now % period
        if into < config.beats:
            now += config.beats - into
    return min(_UNITS * unit / now, max(windows, idle / unit) * unit / cycles)


def _stores(cycles: float, reads: float, gaps: float) -> float:
    """Return the speed of stores beside ``reads``, between which there are ``gaps``.

    A row of the input is read without a break, and a cycle passes before the next one. A unit
    that is read in a gap needs no other cycle of its READ_ACTIVATION.
    """
    free = max(0.0, cycles - reads)
    return min(1.0, (free + min(free, gaps) * (READ_ACTIVATION - 1)) / max(1.0, cycles))

"""Prediction of the cycles that each descriptor takes, counted as the hardware counts them."""

from collections.abc import Sequence
from itertools import pairwise

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES, Kind

from weft.compiler.ir import Command
from weft.compiler.timing.mac_cycles import OUTPUT_LATENCY, MacTimes, mac_times

__all__ = ["predict_cycles"]

# Latencies in cycles, as those of mac_cycles.
_DESCRIPTOR = DESCRIPTOR_BYTES // 4 + 3  # from the decision to fetch a descriptor to its arrival
_JOIN = 2  # from the end of a layer to the next one's back half
_NEXT_FRONT = 2  # from a front half with nothing left to do to the next one
_TABLE_ENTRIES, _TABLE_BYTES = 256, 4
_TABLE = 5  # from the last read of a table to its end
_OPERANDS = 6 + OUTPUT_LATENCY + 3  # from an operand's address to the end, less its beats


def predict_cycles(config: Config, commands: Sequence[Command]) -> list[int]:
    """Return the cycles of each command of a run.

    As the hardware's counters have it, a layer lasts from the end of the layer before to the
    last of its own results.
    """
    ends = [0]  # the run is accepted in cycle 0
    fetched, front_free = 1 + _DESCRIPTOR, 0
    written: Sequence[int] | None = None
    for command in commands:
        if config.compact:  # layers do not overlap
            fetched, front_free = ends[-1] + 1 + _DESCRIPTOR, 0
        begin = max(fetched + 1, front_free)
        join = begin + 1
        if len(ends) > 1:
            join = max(ends[-1] + _JOIN, begin + 1)
        fetched = begin + _DESCRIPTOR
        kind = command.fields["kind"]
        if kind == Kind.MAC:
            times = mac_times(config, command, begin=begin, join=join, written=written)
        else:
            last = _table(config) if kind == Kind.TABLE else _elementwise(config, command)
            times = MacTimes(last_start=join - 1, end=join + last)
        written = times.rows_written if kind == Kind.MAC else None
        front_free = times.last_start + 1 + _NEXT_FRONT
        ends.append(times.end)
    return [end - start for start, end in pairwise(ends)]


def _table(config: Config) -> int:
    """Return from the begin of a table's load to its end: an entry, or a word, per cycle."""
    words = max(1, _TABLE_BYTES // config.columns)
    return _TABLE_ENTRIES * words + _TABLE


def _elementwise(config: Config, command: Command) -> int:
    """Return from the begin of an element-wise layer to its end."""
    operands = 1 if command.fields.get("unary") else 2
    period = max(operands, config.beats)
    return (command.fields["word_count"] - 1) * period + operands + _OPERANDS + config.beats - 1

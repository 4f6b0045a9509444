"""Cycles and depths that gateware and compiler agree on.

Whoever builds a part takes them from here, and so does the cycle model. Tests of the parts
measure them: ``tests/unit/test_array.py``, ``test_tap_fetch.py``, ``test_walker.py``,
``test_mover.py``. Latencies of the engine are measured between two of its signals, each by a test
of its own, in ``tests/unit/test_latencies.py``, ``test_move_latencies.py`` and
``test_memory_latencies.py``; refresh by ``test_sdram.py``.
"""

from typing import NamedTuple

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS

__all__ = [
    "COLLECT",
    "COMPACT_DRAIN",
    "FETCH_DESCRIPTOR",
    "LANE_CYCLES",
    "MOVE_AFTER_LAYER",
    "MOVE_COUNTED",
    "MOVE_LOAD",
    "MOVE_ROOM",
    "MOVE_SET_UP",
    "MOVE_STORE",
    "NEXT_BACK",
    "NEXT_FRONT",
    "OPERANDS",
    "OUTPUT_LATENCY",
    "OWN_ENTRY",
    "OWN_ROWS",
    "QUEUED_MOVES",
    "READ_ACTIVATION",
    "READ_LATENCY",
    "READ_UNIT",
    "REFRESH",
    "REFRESH_EVERY",
    "ROW_FILLED",
    "ROW_OPENED",
    "ROW_WRITTEN",
    "SECOND_PASS",
    "SECOND_READ",
    "STORE",
    "TABLE_END",
    "TAP_PLACE",
    "TAP_QUEUE",
    "WRITE_UNIT",
    "FetchLatency",
    "array_latency",
    "fetch_latency",
]

# From one value of a lane to the next, where ``Config.compact`` makes a lane serial: 161 cycles
# take in 32 bits, multiply them bit by bit, round and clamp (weft_hw.engine.output.serial_lane).
LANE_CYCLES = 161

READ_LATENCY = 2  # from an address to the word, in every memory on the chip
QUEUED_MOVES = 4  # that may wait for the mover
# Columns of taps under way or queued: more than are under way, so that a stall costs no bubble
# afterwards.
TAP_QUEUE = 16


def array_latency(config: Config) -> int:
    """Return the cycles from a step of the array to its sums."""
    return len(config.stages) + config.columns // config.tile + READ_LATENCY + 2


# Layers that follow each other.
FETCH_DESCRIPTOR = DESCRIPTOR_WORDS + READ_LATENCY + 1  # from a front half's begin to the next one
NEXT_FRONT = 2  # from a front half with nothing left to do to the next one's begin
NEXT_BACK = 2  # from the end of a layer to the next one's back half

# Input.
ROW_FILLED = 5  # from the last read of an input row to the row's being counted
OWN_ENTRY = 1  # with own weights, by which an entry's first fetch is later: it looks for its rows
OWN_ROWS = 1  # by which it sees later that they are there if there are not all rows yet
TAP_PLACE = 2  # from a column's leaving the queue to the fetch that takes its place

# Output, from the last step that an output takes.
COLLECT = 4  # to the lanes' first beat, without the array's latency
OUTPUT_LATENCY = 24  # of the lanes
STORE = 3  # from a layer's last result to its end
ROW_WRITTEN = 4  # from the last result of an output row to the row's being readable
SECOND_READ = 2  # from a result of a layer that adds to the read of what it is added to
SECOND_PASS = 10  # from such a result to the lanes, for the second time
COMPACT_DRAIN = 4  # of a compact configuration: to the layer's end, without array and beats

# Layers without windows.
TABLE_END = 5  # from the begin of a table's load to its end, without its reads
OPERANDS = 6  # from an element's last operand to the lanes

# Moves. A move begins 2 cycles before its first command reaches the memory's port.
MOVE_ROOM = 2  # from the end of a move to the handing over of one that finds the queue full
MOVE_SET_UP = 10  # from a move's being handed over to its begin, unless it waits for layers
MOVE_AFTER_LAYER = 3  # from the end of a layer to the begin of a move that waits for it
MOVE_COUNTED = 3  # from the end of a move to the begin of a layer that waits for it

# The memory beside the chip: an SDRAM at 100 MHz, which gives or takes a word in every cycle.
MOVE_LOAD = 18  # from the begin of a load to its end, without its words, if their row is open
MOVE_STORE = 8  # the same for a store
ROW_OPENED = 6  # where another row of the bank is open
READ_UNIT = 5  # between two units that are read from the memories on the chip
READ_ACTIVATION = 6  # the same from activation memory
WRITE_UNIT = 2  # between two units that are written
REFRESH_EVERY = 780  # from one refresh to the next
REFRESH = 14  # in which no word passes


class FetchLatency(NamedTuple):
    """Cycles of what comes before the feeder."""

    first: int  # from a layer's begin to its first fetch, if that needs no row of the input
    row: int  # from the last fetch of an output row to the first one of the next
    column: int  # from a fetch to its column of taps at the feeder
    entry: int  # by which the first fetch of another entry is later than that of another column
    low_row: int  # from the last fetch of an output row to a read into the rows that it frees


def fetch_latency(config: Config) -> FetchLatency:
    """Return the latencies of fetches.

    A compact configuration fetches one column at a time: its last fetch is taken to last until the
    entry after it has been read.
    """
    if config.compact:
        return FetchLatency(first=3, row=1, column=2, entry=2, low_row=1)
    return FetchLatency(first=5, row=2, column=11, entry=0, low_row=8)

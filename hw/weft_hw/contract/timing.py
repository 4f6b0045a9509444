"""Cycles and depths that gateware and compiler agree on.

Whoever builds a part takes them from here, and so does the cycle model. Tests of the parts
measure them: ``tests/unit/test_array.py``, ``test_tap_fetch.py``, ``test_mover.py``.
"""

from weft_hw.contract.config import Config

__all__ = ["LANE_CYCLES", "QUEUED_MOVES", "READ_LATENCY", "TAP_QUEUE", "array_latency"]

# From one value of a lane to the next, where ``Config.compact`` makes a lane serial: 161 cycles
# take in 32 bits, multiply them bit by bit, round and clamp (weft_hw.engine.output.serial_lanes).
LANE_CYCLES = 161

READ_LATENCY = 2  # from an address to the word, in every memory on the chip
QUEUED_MOVES = 4  # that may wait for the mover
# Columns of taps under way or queued: more than are under way, so that a stall costs no bubble
# afterwards.
TAP_QUEUE = 16


def array_latency(config: Config) -> int:
    """Return the cycles from a step of the array to its sums."""
    return len(config.stages) + config.columns // config.tile + READ_LATENCY + 2

"""Cycles that gateware and compiler agree on."""

__all__ = ["LANE_CYCLES"]

# From one value of a lane to the next, where ``Config.compact`` makes a lane serial: 161 cycles
# take in 32 bits, multiply them bit by bit, round and clamp (weft_hw.engine.output.serial_lanes).
LANE_CYCLES = 161

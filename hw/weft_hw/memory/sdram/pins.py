"""Pins of an SDR SDRAM."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from weft_hw.memory.sdram.chips import SdramChip

__all__ = ["pins_of"]

_ADDRESS_PINS = 13


def pins_of(chip: SdramChip) -> wiring.Signature:
    """Return the pins of a chip, as the controller gives them to the pads' registers."""
    return wiring.Signature(
        {
            "ras": Out(1),
            "cas": Out(1),
            "we": Out(1),
            "ba": Out(2),
            "a": Out(max(_ADDRESS_PINS, ceil_log2(chip.rows))),
            "dqm": Out(1),
            "dq_o": Out(16),
            "dq_oe": Out(1),
            "dq_i": In(16),
        }
    )

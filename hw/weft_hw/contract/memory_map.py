"""The memories that a host reads and writes, each an array of fixed-size units."""

from enum import IntEnum
from typing import NamedTuple

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import (
    DESCRIPTOR_BYTES,
    TABLE_ENTRIES,
    TABLE_ENTRY_BYTES,
    WINDOW_BYTES,
)
from weft_hw.contract.fields import Field, Fields

__all__ = [
    "COUNTERS",
    "COUNTER_BYTES",
    "COUNTER_STRIDE",
    "DESCRIPTOR_WORDS",
    "DRAM_BLOCK_BYTES",
    "PARAMETER",
    "PARAMETER_BYTES",
    "Memory",
    "Region",
    "counters",
    "max_unit_bytes",
    "memory_map",
]

COUNTER_BYTES = 4
DESCRIPTOR_WORD_BYTES = 4
DESCRIPTOR_WORDS = DESCRIPTOR_BYTES // DESCRIPTOR_WORD_BYTES

# Per layer, one 32-bit counter each, in this order. Every cycle but for the first kind belongs to
# exactly one of the others.
COUNTERS = Fields(
    Field("cycles", 32, "from the layer's start (or the one before's end) to its last result"),
    Field("busy", 32, "cycles in which the array took a step, or element-wise operands passed"),
    Field("wait_input", 32, "idle cycles: no window (or element-wise operand) has arrived"),
    Field("wait_output", 32, "idle cycles: results still leave, or nothing is left to be done"),
    Field("wait_setup", 32, "idle cycles: the layer's descriptor is on its way, or its table"),
    Field("wait_memory", 32, "idle cycles: the layer, or its descriptor, waits for moves"),
)
COUNTER_STRIDE = 8  # units from one layer's counters to the next one's

# What a lane needs to know about one output channel.
PARAMETER = Fields(
    Field("bias", 32, "added to the accumulator", True),
    Field("multiplier", 31, "Q31 multiplier, or the float32 scale's mantissa << 7"),
    Field("shift", 6, "right shift of the product"),
)
PARAMETER_BYTES = (sum(field.width for field in PARAMETER) + 7) // 8


# Unit of the memory beside the chip: what a move's addresses count.
DRAM_BLOCK_BYTES = 16


class Region(IntEnum):
    """Number of a memory in packets."""

    ACTIVATION = 0
    WEIGHT = 1
    PARAMETER = 2
    DESCRIPTOR = 3
    WINDOW = 4
    COUNTER = 5
    DRAM = 6  # beside the chip; only where the board has one
    TABLE = 7  # what TABLE layers load, too; none in a compact configuration


class Memory(NamedTuple):
    """One memory: bytes in a unit, number of units, and what the host may do with it."""

    unit_bytes: int
    units: int
    readable: bool
    writable: bool

    @property
    def bytes(self) -> int:
        """Capacity in bytes."""
        return self.unit_bytes * self.units


def counters(config: Config) -> Fields:
    """Return what is counted; without memory beside the chip, ``wait_memory`` stays 0."""
    return COUNTERS if config.dram_bytes else Fields(*COUNTERS[:-1])


def memory_map(config: Config) -> dict[Region, Memory]:
    """Return the memories of an accelerator.

    Unit addresses: ACTIVATION counts words. WEIGHT is ``word * columns + column``, each unit the
    ``rows`` int8 weights of one column. PARAMETER is ``entry * lanes + lane``. DESCRIPTOR and
    WINDOW count 32-bit words. COUNTER is ``layer * COUNTER_STRIDE + counter``. DRAM counts blocks;
    it is there only where ``config.dram_bytes`` is not 0. TABLE counts entries of the lanes' table;
    it is there unless ``config.compact``.
    """
    on_chip = {
        Region.ACTIVATION: Memory(config.columns, config.activation_words, True, True),
        Region.WEIGHT: Memory(config.rows, config.weight_words * config.columns, False, True),
        Region.PARAMETER: Memory(
            PARAMETER_BYTES, config.parameter_words * config.lanes, False, True
        ),
        Region.DESCRIPTOR: Memory(
            DESCRIPTOR_WORD_BYTES, config.descriptor_count * DESCRIPTOR_WORDS, False, True
        ),
        Region.WINDOW: Memory(WINDOW_BYTES, config.window_count, False, True),
        Region.COUNTER: Memory(
            COUNTER_BYTES, config.descriptor_count * COUNTER_STRIDE, True, False
        ),
    }
    if not config.compact:
        on_chip[Region.TABLE] = Memory(TABLE_ENTRY_BYTES, TABLE_ENTRIES, False, True)
    if not config.dram_bytes:
        return on_chip
    blocks = config.dram_bytes // DRAM_BLOCK_BYTES
    return on_chip | {Region.DRAM: Memory(DRAM_BLOCK_BYTES, blocks, True, True)}


def max_unit_bytes(config: Config) -> int:
    """Bytes of the largest unit: the width of the bus between link and memories."""
    return max(memory.unit_bytes for memory in memory_map(config).values())

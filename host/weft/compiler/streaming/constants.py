"""What a piece needs on the chip besides activations."""

from dataclasses import dataclass

from weft_hw.contract.memory_map import Region

__all__ = ["Constant"]


@dataclass(frozen=True)
class Constant:
    """``units`` units for ``region``, which lie in DRAM from ``block`` on."""

    region: Region
    block: int
    units: int

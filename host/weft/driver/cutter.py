"""Checks of reads and writes of a board's memories, and how they are cut into requests."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Memory, Region, memory_map
from weft_hw.contract.packet import PIXEL_REGIONS

__all__ = ["Block", "RequestCutter", "UnitRange", "WriteRequest"]


class Block(NamedTuple):
    """Bytes for a memory, from a unit on."""

    region: Region
    address: int
    data: bytes


class WriteRequest(NamedTuple):
    """The content of one write request: whole units, or the first ``channels`` bytes of each pixel.

    ``packing`` is log2 of the pixels in a unit. ``channels`` is 0 where all bytes are sent.
    """

    region: Region
    address: int
    units: int
    data: bytes
    channels: int = 0
    packing: int = 0


class UnitRange(NamedTuple):
    """Units of a memory, to be read."""

    region: Region
    address: int
    units: int


class RequestCutter:
    """Judge what is asked of the memories of ``config``, and cut it.

    All methods raise ``ValueError`` for what the board would refuse.
    """

    def __init__(self, config: Config):
        self._memories, self._name = memory_map(config), config.name
        self._pixel_regions = () if config.compact else PIXEL_REGIONS
        self._descriptors, self._rounds = config.descriptor_count, config.dram_bytes > 0

    def unit_bytes(self, region: Region) -> int:
        """Return the bytes of a unit of ``region``."""
        return self._memory(region).unit_bytes

    def _memory(self, region: Region) -> Memory:
        if region not in self._memories:
            raise ValueError(f"{self._name} has no memory {region.name}")
        return self._memories[region]

    def writes(self, block: Block, payload: int) -> Iterable[WriteRequest]:
        """Yield the parts of ``block``, each of whole units and at most ``payload`` bytes.

        Bytes that are 0 at the end of every pixel are left out; the board puts them back.
        """
        size = self.unit_bytes(block.region)
        if len(block.data) % size:
            raise ValueError(
                f"{block.region.name} takes units of {size} bytes, not {len(block.data)} bytes"
            )
        memory = self._check(block.region, block.address, len(block.data) // size)
        if not memory.writable:
            raise ValueError(f"{block.region.name} cannot be written")
        units = np.frombuffer(block.data, np.uint8).reshape(-1, size)
        channels, packing = 0, 0
        if block.region in self._pixel_regions:
            channels, packing = _used_channels(units)
        sent = channels << packing or size  # bytes of a unit
        step = payload // sent
        for at in range(0, len(units), step):
            part = units[at : at + step]
            data = part.reshape(-1, size >> packing)[:, : channels or None].tobytes()
            yield WriteRequest(block.region, block.address + at, len(part), data, channels, packing)

    def reads(self, wanted: UnitRange, payload: int) -> list[UnitRange]:
        """Return the parts of ``wanted``, each of at most ``payload`` bytes."""
        memory = self._check(*wanted)
        if not memory.readable:
            raise ValueError(f"{wanted.region.name} cannot be read")
        step = payload // memory.unit_bytes
        return [
            UnitRange(wanted.region, wanted.address + at, min(step, wanted.units - at))
            for at in range(0, wanted.units, step)
        ]

    def check_run(self, first: int, count: int):
        """Raise unless there are ``count`` descriptors from ``first`` on.

        Where moves can load descriptors, a run goes round their memory as often as it likes.
        """
        if self._rounds and not (0 <= first < self._descriptors and 1 <= count < 1 << 16):
            raise ValueError(
                f"a run must have 1 to 65535 descriptors from one of {self._descriptors} on, "
                f"not {count} from {first} on"
            )
        if not self._rounds and (count < 1 or first < 0 or first + count > self._descriptors):
            raise ValueError(
                f"a run must stay within descriptors 0 to {self._descriptors - 1}, "
                f"not {first} to {first + count - 1}"
            )

    def _check(self, region: Region, address: int, count: int) -> Memory:
        memory = self._memory(region)
        if count < 1 or address < 0 or address + count > memory.units:
            raise ValueError(
                f"{region.name} has units 0 to {memory.units - 1}, not {address} to "
                f"{address + count - 1}"
            )
        return memory


def _used_channels(units: NDArray[np.uint8]) -> tuple[int, int]:
    """Return the (channels, packing) with which the fewest bytes of ``units`` are sent.

    (0, 0) where nothing is saved.
    """
    size = units.shape[1]
    used = np.any(units, axis=0)
    best, least = (0, 0), size
    for packing in (0, 1, 2):
        if size >> packing:
            pixel = used.reshape(1 << packing, -1).any(axis=0)
            channels = int(np.flatnonzero(pixel)[-1]) + 1 if pixel.any() else 1
            if channels << packing < least:
                best, least = (channels, packing), channels << packing
    return best

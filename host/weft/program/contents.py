"""The contents of a board's memories while a program runs, as far as known without computing."""

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.descriptor import DESCRIPTOR_BYTES
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, DRAM_BLOCK_BYTES, Region, memory_map

from weft.errors import ModelError
from weft.program.program import Program, TensorPlace
from weft.program.require import require

__all__ = ["Contents"]

# Units that runs touch, over and over: more than any network of 65,535 descriptors on a board.
_MOST_UNITS = 1 << 32


class Contents:
    """Which units were written, and what descriptor and window memory hold.

    Begins with the images of ``program``; its resident tensors count as written.

    Attributes
    ----------
    memories : mapping
        The memory map.
    windows : ndarray, uint32, shape (window_count,)
    """

    def __init__(self, program: Program):
        config = program.config
        self.memories = memory_map(config)
        self.windows = np.zeros(config.window_count, np.uint32)
        self._written = {r: np.zeros(m.units, bool) for r, m in self.memories.items()}
        self._slots: list[bytes] = [b""] * config.descriptor_count
        self._loaded = [0] * config.descriptor_count  # by which move of the run
        self._units = 0
        beside = [image for image in program.images if image.region is Region.DRAM]
        self._beside = sorted(beside, key=lambda image: image.unit)
        for image in program.images:
            count = len(image.data) // self.memories[image.region].unit_bytes
            self._written[image.region][image.unit : image.unit + count] = True
            if image.region is Region.WINDOW:
                self._load_windows(image.unit, image.data)
            elif image.region is Region.DESCRIPTOR:
                self._load_descriptors(image.unit, image.data, 0)
        self._home = Region.DRAM if program.streamed else Region.ACTIVATION
        self._constant = self._written[self._home].copy()
        for name in program.resident:
            self.write_place(program.places[name])

    def written(self, region: Region) -> NDArray[np.bool_]:
        """Return for each unit of ``region`` whether anything was written there."""
        return self._written[region]

    def descriptor(self, slot: int) -> tuple[bytes, int]:
        """Return the bytes in a slot, empty if there are none, and which move loaded them."""
        return self._slots[slot], self._loaded[slot]

    def end_run(self) -> None:
        """Note that what moves loaded is there for the next run."""
        self._loaded = [0] * len(self._loaded)

    def read_by_layer(self, region: Region, start: int, stop: int) -> None:
        """Check units that a layer reads."""
        self._inside(region, start, stop)
        self.spend(stop - start)
        known = self._written[region][start:stop]
        # Words behind the last one of a feature map may be read, and those of channels beside it;
        # they are not used.
        complete = known.any() if region is Region.ACTIVATION else known.all()
        require(bool(complete), f"it reads {region.name} {start}, which nothing wrote")

    def check_results(self, spans: Iterable[tuple[Region, int, int]]) -> None:
        """Check units that a layer is going to write."""
        for region, start, stop in spans:
            self._inside(region, start, stop)
            self.spend(stop - start)
            if region is self._home:
                overwrites = self._constant[start:stop].any()
                require(not overwrites, f"it overwrites a constant at {start}")

    def write_by_layer(self, region: Region, start: int, stop: int) -> None:
        """Note units that a layer writes."""
        self._written[region][start:stop] = True

    def check_move(self, region: Region, unit: int, units: int, block: int, blocks: int) -> None:
        """Check that both sides of a move lie in their memories."""
        self._inside(region, unit, unit + units)
        self._inside(Region.DRAM, block, block + blocks)

    def store(self, block: int, blocks: int) -> None:
        """Write one row of a move to DRAM."""
        beside = slice(block, block + blocks)
        overwrites = self._home is Region.DRAM and self._constant[beside].any()
        require(not overwrites, f"it overwrites a constant at block {block}")
        self._written[Region.DRAM][beside] = True

    def load(self, region: Region, unit: int, count: int, block: int, move: int) -> None:
        """Write one row of move number ``move`` from DRAM."""
        size = count * self.memories[region].unit_bytes
        known = self._written[Region.DRAM][block : block + -(-size // DRAM_BLOCK_BYTES)]
        # What a layer fills only in part comes whole, with blocks that nothing wrote yet.
        complete = bool(known.all()) or region is Region.ACTIVATION
        require(complete, f"it reads block {block}, which nothing wrote")
        self._written[region][unit : unit + count] = True
        if region is Region.WINDOW:
            self._load_windows(unit, self._constant_bytes(block, size))
        elif region is Region.DESCRIPTOR:
            self._load_descriptors(unit, self._constant_bytes(block, size), move)

    def spend(self, units: int) -> None:
        """Count units that are touched, so that no program takes forever to follow."""
        self._units += units
        require(self._units <= _MOST_UNITS, "its runs touch more than any network needs to")

    def write_place(self, place: TensorPlace) -> None:
        """Write a tensor from the host."""
        self.spend(place.units)
        span = slice(place.base, place.base + place.units)
        require(not self._constant[span].any(), f"a tensor overwrites a constant at {place.base}")
        self._written[self._home][span] = True

    def read_place(self, name: str, place: TensorPlace) -> None:
        """Read a tensor to the host."""
        self.spend(place.layout.height * place.layout.width * place.layout.channels)
        written = self._written[self._home][place.base : place.base + place.units]
        for units in place.layout.units(self.memories[self._home].unit_bytes):
            known = bool(written[units].all())
            require(known, f"a step reads tensor {name!r}, which nothing wrote")

    def _inside(self, region: Region, start: int, stop: int) -> None:
        units = self.memories[region].units
        require(
            0 <= start < stop <= units,
            f"it touches {region.name} {start} to {stop - 1}, which has {units} units",
        )

    def _constant_bytes(self, block: int, size: int) -> bytes:
        """Return bytes of DRAM that an image holds and nothing overwrites."""
        at = bisect_right(self._beside, block, key=lambda image: image.unit) - 1
        if at >= 0:
            image = self._beside[at]
            start = (block - image.unit) * DRAM_BLOCK_BYTES
            if start + size <= len(image.data):
                return image.data[start : start + size]
        raise ModelError(f"block {block} holds no window program and no descriptors")

    def _load_windows(self, unit: int, data: bytes) -> None:
        words = np.frombuffer(data, "<u4")
        self.windows[unit : unit + len(words)] = words

    def _load_descriptors(self, unit: int, data: bytes, move: int) -> None:
        require(
            unit % DESCRIPTOR_WORDS == 0 and len(data) % DESCRIPTOR_BYTES == 0,
            f"descriptors at unit {unit} are not whole",
        )
        for at in range(0, len(data), DESCRIPTOR_BYTES):
            slot = unit // DESCRIPTOR_WORDS + at // DESCRIPTOR_BYTES
            self._slots[slot], self._loaded[slot] = data[at : at + DESCRIPTOR_BYTES], move

"""The memories while a program of random moves is made."""

from dataclasses import dataclass, field

import numpy as np
from engine_cases import Case
from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, Region, memory_map

__all__ = ["Memory", "Move", "Space", "Streamed", "load_layer", "ranges"]


@dataclass
class Move:
    """A move before its place in the list is known; ``needed_by`` is the first that waits."""

    fields: dict[str, int]
    needed_by: int


@dataclass
class Streamed:
    """A program of layers and moves, and what the memories hold before and after it."""

    config: Config
    descriptors: list[bytes]
    resident: int  # descriptors that are in memory when it starts
    memory: bytes  # beside the chip
    expected: np.ndarray  # uint8 (words, columns): activation memory afterwards
    stored: dict[int, bytes] = field(default_factory=dict)  # bytes by place beside the chip
    layers: list[tuple[int, int]] = field(default_factory=list)  # position and busy cycles


class Memory:
    """The memory beside the chip while a program is made."""

    def __init__(self, rng: np.random.Generator):
        self.rng, self.bytes = rng, bytearray(rng.bytes(DRAM_BLOCK_BYTES))

    def add(self, data: bytes) -> int:
        """Put ``data`` on a new block; return its number."""
        self.bytes += self.rng.bytes(-len(self.bytes) % DRAM_BLOCK_BYTES)
        self.bytes += self.rng.bytes(DRAM_BLOCK_BYTES * int(self.rng.integers(0, 3)))
        block = len(self.bytes) // DRAM_BLOCK_BYTES
        self.bytes += data
        return block


class Space:
    """Which layers use which units of a memory on the chip."""

    def __init__(self, units: int, rng: np.random.Generator):
        self.units, self.rng = units, rng
        self.uses: list[tuple[int, int, int]] = []

    def place(self, count: int, step: int, layer: int, listed: int) -> tuple[int, int]:
        """Find units for ``layer`` when ``listed`` layers are; return the first, and the wait."""
        for _ in range(200):
            first = int(self.rng.integers(0, (self.units - count) // step + 1)) * step
            # Half of the time as low as it goes, so that places are used again.
            first = first // 4 // step * step if self.rng.random() < 0.5 else first
            others = [user for a, b, user in self.uses if a < first + count and first < b]
            if all(user < listed for user in others):
                self.uses.append((first, first + count, layer))
                return first, max((user + 1 for user in others), default=0)
        raise LookupError


def ranges(bases: list[int], end: int) -> list[range]:
    """Return what each layer uses, from where these begin: up to where the next one's begin."""
    ends = [min([b for b in bases if b > base], default=end) for base in bases]
    return [range(base, stop) for base, stop in zip(bases, ends, strict=True)]


def load_layer(case: Case, layer: dict, used: dict[Region, range], spaces, memory, number, listed):
    """Return the moves that load a layer, and the fields that say where it finds all that."""
    fields, moves = {}, []
    sizes = memory_map(case.config)
    images = case.memories()
    names = {
        Region.WEIGHT: ("weight_base", case.config.columns),
        Region.PARAMETER: ("parameter_base", case.config.lanes),
        Region.WINDOW: ("window_base", 1),
    }
    for region, units in used.items():
        if not len(units):
            continue
        name, step = names[region]
        first, wait = spaces[region].place(len(units), step, number, listed)
        fields[name] = first // step
        if region == Region.PARAMETER and layer.get("adds"):  # the sum's follows the layer's own
            fields["sum_parameter"] = layer["sum_parameter"] - layer[name] + first // step
        block = memory.add(images[region][units.start : units.stop].tobytes())
        moves.append(
            Move(
                {
                    "region": region,
                    "unit": first,
                    "count": len(units),
                    "rows": 1,
                    "block": block,
                    "layers": wait,
                },
                number,
            )
        )
        assert len(images[region][units.start]) == sizes[region].unit_bytes
    return fields, moves

"""The memory beside the chip: which block holds what, and its image."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import WINDOW_BYTES, encode_window
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, PARAMETER_BYTES, Region

from weft.compiler.ir import Buffer, Command, Entry
from weft.compiler.planning.emit import parameter_bytes
from weft.compiler.streaming.constants import Constant
from weft.errors import CapacityError
from weft.program import Image

__all__ = ["Dram"]


class Dram:
    """Gives out blocks; constants that are equal share theirs."""

    def __init__(self, config: Config, like: "Dram | None" = None):
        self.config = config
        # Bytes of arrays, which the pieces of a command share, and so do trials of a plan.
        self._encoded = like._encoded if like is not None else dict[int, tuple[object, bytes]]()
        self.blocks: dict[Buffer, int] = {}
        self.used = 0
        self._data: dict[int, bytes] = {}
        self._known: dict[bytes, int] = {}

    def take(self, size: int) -> int:
        """Return the first of the blocks that hold ``size`` bytes."""
        first = self.used
        self.used += -(-size // DRAM_BLOCK_BYTES)
        return first

    def put(self, data: bytes) -> int:
        """Return the first block of constant ``data``."""
        if data not in self._known:
            self._known[data] = self.take(len(data))
            self._data[self._known[data]] = data
        return self._known[data]

    def place(self, buffer: Buffer) -> int:
        """Return the first block of ``buffer``, which gets a place at the first call."""
        if buffer not in self.blocks:
            size = buffer.words * self.config.columns
            if buffer.data is None:
                self.blocks[buffer] = self.take(size)
            else:
                self.blocks[buffer] = self.put(buffer.data.ljust(size, b"\0"))
        return self.blocks[buffer]

    def constants(self, command: Command) -> list[Constant]:
        """Return what a piece needs besides activations, put into the image."""
        found: list[tuple[Region, int, bytes]] = []
        if command.weights is not None:
            data = self._once(command.weights, _bytes)
            found.append((Region.WEIGHT, self.config.rows, data))
        if command.parameters is not None:
            data = self._once(command.parameters, parameter_bytes)
            found.append((Region.PARAMETER, PARAMETER_BYTES, data))
        if command.entries:
            data = self._once(command.entries, _window_program)
            found.append((Region.WINDOW, WINDOW_BYTES, data))
        return [Constant(region, self.put(data), len(data) // unit) for region, unit, data in found]

    def _once(self, value: Any, encode: Callable[[Any], bytes]) -> bytes:
        if id(value) not in self._encoded:
            self._encoded[id(value)] = value, encode(value)
        return self._encoded[id(value)][1]

    def images(self, model: str) -> list[Image]:
        """Return what the host writes once.

        Raises
        ------
        CapacityError
            If the memory is too small.
        """
        needed = self.used * DRAM_BLOCK_BYTES
        if needed > self.config.dram_bytes:
            raise CapacityError(
                f"{model} does not fit {self.config.name}: it needs {needed} bytes of memory "
                f"beside the chip ({self.config.dram_bytes} available)"
            )
        return [
            Image(Region.DRAM, block, data.ljust(-(-len(data) // 16) * 16, b"\0"))
            for block, data in self._data.items()
        ]


def _bytes(array: NDArray[np.int8]) -> bytes:
    return np.ascontiguousarray(array).tobytes()


def _window_program(entries: Sequence[Entry]) -> bytes:
    return b"".join(encode_window(entry.fields) for entry in entries)

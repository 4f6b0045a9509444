"""The memory beside the chip: which block holds what, and its image."""

from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import TABLE_ENTRY_BYTES, WINDOW_BYTES
from weft_hw.contract.memory_map import DRAM_BLOCK_BYTES, PARAMETER_BYTES, Region

from weft.compiler.ir import Buffer, Command
from weft.compiler.streaming.constants import Constant
from weft.errors import CapacityError
from weft.program import Image

__all__ = ["Dram"]


class Dram:
    """Gives out blocks; constants that are equal share theirs."""

    def __init__(self, config: Config):
        self.config = config
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
            found.append((Region.WEIGHT, self.config.rows, command.weights.data))
        if command.parameters is not None:
            data = command.parameters.data
            if command.sum_parameters is not None:  # behind the others
                data += command.sum_parameters.data
            found.append((Region.PARAMETER, PARAMETER_BYTES, data))
        if command.entries:
            data = b"".join(entry.data for entry in command.entries)
            found.append((Region.WINDOW, WINDOW_BYTES, data))
        if command.table is not None and command.table.data is not None:
            found.append((Region.TABLE, TABLE_ENTRY_BYTES, command.table.data))
        return [Constant(region, self.put(data), len(data) // unit) for region, unit, data in found]

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

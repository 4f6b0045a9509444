"""Boards without memory beside the chip: the host is that memory, and carries out the moves.

A program that streams is the same list of layers and moves. The host keeps what would lie in DRAM
and the list; it sends layers to the board a few at a time, and between them what their moves say.
"""

from dataclasses import replace

from msgspec import structs
from weft_hw.contract import config as contract
from weft_hw.contract.config import Config
from weft_hw.contract.descriptor import Kind
from weft_hw.contract.layers import decode_layer
from weft_hw.contract.memory_map import DESCRIPTOR_WORDS, DRAM_BLOCK_BYTES, Region, memory_map
from weft_hw.contract.move import Move

from weft.errors import ConfigError, ModelError
from weft.program import Program
from weft.runtime.device import OpenDevice
from weft.runtime.execute import Memories

__all__ = [
    "HostMoved",
    "board_alone",
    "by_host",
    "require_model",
    "weights_over_link",
    "with_host_memory",
]

_HOST_BYTES = 1 << 27
_KEPT = (Region.DRAM, Region.DESCRIPTOR)  # what the host keeps for itself


def weights_over_link(choice: str | None) -> bool:
    """Return whether ``choice`` says so.

    Raises
    ------
    ConfigError
        If it says anything else.
    """
    if choice not in (None, "link"):
        raise ConfigError(f"weights that do not fit come over the 'link', not over {choice!r}")
    return choice is not None


def require_model(loaded: object, *, over_link: bool) -> None:
    """Raise :class:`ModelError` where weights of a compiled program are to come over the link."""
    if over_link and isinstance(loaded, Program):
        raise ModelError(
            "a compiled program says where its weights lie; those of a model file can come over "
            "the link"
        )


def with_host_memory(config: Config) -> Config:
    """Return ``config`` with the host's memory for that beside the chip.

    Raises
    ------
    ConfigError
        If the board has such a memory, or its layers cannot stream.
    """
    if config.dram_bytes:
        raise ConfigError(
            f"{config.name} has memory beside the chip, from which weights come; "
            f"they come over the link of boards without one"
        )
    try:
        return replace(config, dram_bytes=_HOST_BYTES)
    except contract.ConfigError as error:
        if config.compact:
            reason = "is compact"
        elif config.own_weights:
            reason = "is made for weights of each pixel's own"
        else:  # as if the memory were the board's
            reason = f"has not what that takes ({error})"
        raise ConfigError(f"{config.name} {reason}, so weights cannot come over its link") from None


def board_alone(config: Config) -> Config:
    """Return the configuration of the board behind one of :func:`with_host_memory`."""
    return replace(config, dram_bytes=0)


def by_host(board: OpenDevice, config: Config) -> OpenDevice:
    """Return ``board`` with the host's memory, which makes it a device of ``config``."""
    memories = HostMoved(board.memories, config)
    return OpenDevice(
        board.name,
        config,
        memories,
        board.traffic,
        board.cycles,
        board.close,
        clock_hz=board.clock_hz,
        check=board.check,
        expect=board.expect,
    )


class HostMoved:
    """A device whose moves the host carries out, one request over the link for each row.

    Moves go in the order of the list, and not before the layers that they wait for are done.
    Layers run together until a move waits for one of them, or the descriptor memory is full.

    Parameters
    ----------
    board : Memories
        Without memory beside the chip.
    config : Config
        As :func:`with_host_memory` returns it.
    """

    def __init__(self, board: Memories, config: Config):
        self._board, self._slots = board, config.descriptor_count
        self._units = {region: m.unit_bytes for region, m in memory_map(config).items()}
        self._kept = {region: bytearray() for region in _KEPT}
        self._pending: list[int] = []  # slots of layers that are to run
        self._done = 0  # layers of this run

    def write(self, region: Region, unit: int, data: bytes) -> None:
        """Write whole units."""
        if region not in _KEPT:
            self._board.write(region, unit, data)
            return
        memory, first = self._kept[region], unit * self._units[region]
        if len(memory) < first + len(data):
            memory.extend(bytes(first + len(data) - len(memory)))
        memory[first : first + len(data)] = data

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units."""
        if region not in _KEPT:
            return self._board.read(region, unit, count)
        first, size = unit * self._units[region], count * self._units[region]
        return bytes(self._kept[region][first : first + size]).ljust(size, b"\0")

    def run(self, first: int, count: int) -> None:
        """Run descriptors, moves among them, and return when they are done."""
        self._pending, self._done = [], 0
        for number in range(first, first + count):
            slot = number % self._slots
            data = self.read(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, DESCRIPTOR_WORDS)
            if data[0] & 3 != Kind.MOVE:
                if slot in self._pending:
                    self._flush()
                self._send(slot, data)
                continue
            move = Move.decode(data)
            if move.layers > self._done:
                self._flush()
            self._carry_out(move)
        self._flush()

    def _send(self, slot: int, data: bytes) -> None:
        """Put a layer's descriptor on the board, which need wait for nothing."""
        alone = structs.replace(decode_layer(data), moves=0).encode()
        self._board.write(Region.DESCRIPTOR, slot * DESCRIPTOR_WORDS, alone)
        self._pending.append(slot)

    def _flush(self) -> None:
        """Run the layers that are on the board: those in neighbouring slots together."""
        pending = self._pending
        while pending:
            count = 1
            while count < len(pending) and pending[count] == pending[0] + count:
                count += 1
            self._board.run(pending[0], count)
            self._done += count
            del pending[:count]

    def _carry_out(self, move: Move) -> None:
        region, count, rows = move.region, move.count, move.rows
        blocks = -(-count * self._units[region] // DRAM_BLOCK_BYTES)
        for row in range(rows):
            unit, block = move.unit + row * move.unit_step, move.block + row * move.block_step
            if move.store:
                data = self.read(region, unit, count)
                self.write(Region.DRAM, block, data.ljust(blocks * DRAM_BLOCK_BYTES, b"\0"))
            else:
                data = self.read(Region.DRAM, block, blocks)
                self.write(region, unit, data[: count * self._units[region]])

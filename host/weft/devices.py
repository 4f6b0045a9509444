"""Devices by name: everything that can be opened and asked to run descriptors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.execute import Device
from weft.profile import LinkProfile

if TYPE_CHECKING:
    from weft.driver.board import Board

__all__ = ["OpenDevice", "open_device"]


@dataclass(eq=False)
class OpenDevice:
    """An accelerator at hand.

    Parameters
    ----------
    name : str
        As users type it.
    config : Config
        What the device was built for.
    memories : Device
        Reads, writes, runs.
    traffic : callable
        Returns what the link has carried since it was opened.
    cycles : callable or None
        Returns the cycles of all runs since then, as the hardware counted them from accepting
        a start to the last result; None if only the layers' counters tell.
    close : callable
    clock_hz : int
        What the device says of its clock; 0 where there is none.
    """

    name: str
    config: Config
    memories: Device
    traffic: Callable[[], LinkProfile] = LinkProfile
    cycles: Callable[[], int] | None = None
    close: Callable[[], Any] = field(default=lambda: None)
    clock_hz: int = 0


def open_device(
    name: str, config: Config, report: Callable[[str], object] = lambda text: None
) -> OpenDevice:
    """Open the device called ``name`` for programs of ``config``.

    Parameters
    ----------
    name : str
        ``sim``, or what else :func:`weft.driver.transports.open_transport` knows.
    config : Config
    report : callable
        Called with a text for each stage of long work.

    Raises
    ------
    LinkError
        If there is no such device, or it does not answer.
    DeviceMismatch
        If it was built for another configuration or contract.
    """
    from weft.driver.board import Board
    from weft.driver.transports import open_transport

    def stage(text: str) -> None:
        report(text)

    board = Board(open_transport(name, config, progress=stage), config)

    def traffic() -> LinkProfile:
        done = board.statistics
        return LinkProfile(
            bytes_to_board=done.bytes_to_board, bytes_from_board=done.bytes_from_board,
            seconds=done.seconds, retries=done.retries)  # fmt: skip

    memories = _BoardMemories(board)
    return OpenDevice(
        name, config, memories, traffic, lambda: memories.cycles, board.close,
        board.clock_hz)  # fmt: skip


class _BoardMemories:
    """A board whose ``run`` returns when the run is done."""

    def __init__(self, board: "Board"):
        self._board = board
        self.cycles = 0

    def write(self, region: Region, unit: int, data: bytes) -> None:
        """Write whole units."""
        self._board.write(region, unit, data)

    def read(self, region: Region, unit: int, count: int) -> bytes:
        """Return ``count`` units."""
        return self._board.read(region, unit, count)

    def run(self, first: int, count: int) -> None:
        """Run descriptors and wait for their end."""
        self.cycles += self._board.execute(run=(first, count))[0]


"""Devices by name: everything that can be opened and asked to run descriptors."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.runtime.device import OpenDevice
from weft.runtime.profile import LinkProfile

if TYPE_CHECKING:
    from weft.driver.board import BoardDriver
    from weft.driver.transports.base import Transport

__all__ = ["open_device", "open_over"]


def open_device(
    name: str, config: Config, progress: Callable[[str], None] = lambda text: None
) -> OpenDevice:
    """Open the device called ``name`` for programs of ``config``.

    Parameters
    ----------
    name : str
        ``sim``, or what else :func:`weft.driver.transports.open_transport` knows.
    config : Config
    progress : callable
        Called with a text for each stage of long work.

    Raises
    ------
    LinkError
        If there is no such device, or it does not answer.
    DeviceMismatch
        If it was built for another configuration or contract.
    """
    from weft.driver.transports import open_transport

    return open_over(open_transport(name, config, progress=progress), config, name=name)


def open_over(transport: "Transport", config: Config, *, name: str, **options: Any) -> OpenDevice:
    """Open the board behind ``transport``, which is closed with it.

    Parameters
    ----------
    options
        As for :class:`weft.driver.board.BoardDriver`.

    Raises
    ------
    LinkError, DeviceMismatch
    """
    from weft.driver.board import BoardDriver
    from weft.driver.pipeline import Pipeline
    from weft.runtime.wire import link_of

    board = BoardDriver(transport, config, **options)

    # A simulation's link takes no time that counts; the board like it has one.
    kind, rate = transport.kind, transport.bytes_per_second
    if not rate:
        kind, rate = link_of(config.name)

    def traffic() -> LinkProfile:
        done = board.statistics
        simulated_cycles, simulation_seconds = transport.simulated()
        return LinkProfile(
            bytes_to_board=done.bytes_to_board,
            bytes_from_board=done.bytes_from_board,
            seconds=done.seconds,
            retries=done.retries,
            simulated_cycles=simulated_cycles,
            simulation_seconds=simulation_seconds,
            bytes_per_second=rate,
            kind=kind,
        )

    memories = _BoardMemories(board)
    return OpenDevice(
        name,
        config,
        memories,
        traffic,
        lambda: memories.cycles,
        board.close,
        _BoardMarks(board),
        Pipeline(board),
        board.clock_hz,
        board.check,
        load=board.load,
        expect=board.expect,
    )


class _BoardMemories:
    """A board whose ``run`` returns when the run is done."""

    def __init__(self, board: "BoardDriver"):
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


class _BoardMarks:
    """The label that a board keeps (LABEL and STATUS in ``docs/protocol.md``)."""

    def __init__(self, board: "BoardDriver"):
        self._board = board

    @property
    def session(self) -> int:
        """Number of the link's session, which is begun if there is none."""
        return self._board.session

    def label(self) -> int:
        """Return what STATUS tells."""
        return self._board.status()["label"]

    def set_label(self, value: int) -> None:
        """Send LABEL."""
        self._board.label(value)

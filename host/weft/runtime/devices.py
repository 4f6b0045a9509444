"""Devices by name: everything that can be opened and asked to run descriptors."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.driver.pieces import Block, Span
from weft.runtime.execute import Device
from weft.runtime.profile import LinkProfile

if TYPE_CHECKING:
    from weft.driver.board import BoardDriver
    from weft.driver.transports.base import Transport

__all__ = ["Marks", "OpenDevice", "Queue", "open_device", "open_over"]


class Queue(Protocol):
    """Requests carried out in order, later than they are queued; see the driver's pipeline."""

    def run(self, first: int, count: int) -> None:
        """Queue a run; what follows is carried out while it is under way, but for another run."""
        ...

    def exchange(self, reads: Sequence[Span], writes: Sequence[Block]) -> list[Any]:
        """Queue reads and writes in any order; no write may touch what is read."""
        ...

    def collect(self, ticket: Any) -> bytes | None:
        """Return what was read, None if it got lost."""
        ...

    def settle(self) -> None:
        """Wait until everything is carried out."""
        ...


class Stream(Protocol):
    """Images under way on a device."""

    def interrupt(self) -> None:
        """Let the device finish what is under way; start again next time."""
        ...


class Marks(Protocol):
    """A label that stays on a device for as long as its program does, and the link's session."""

    @property
    def session(self) -> int:
        """Number of the session, begun if the last one ended.

        Another one means that others may have had the device in between.
        """
        ...

    def label(self) -> int:
        """Return the label, 0 for none."""
        ...

    def set_label(self, value: int) -> None:
        """Put one there."""
        ...


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
    marks : Marks or None
        What the device says about the program that it holds; None if it cannot tell.
    close : callable
    queue : Queue or None
        Takes requests ahead of the replies to those before; None if the device cannot.
    clock_hz : int
        What the device says of its clock; 0 where there is none.
    check : callable
        Raises :class:`LinkError` where this process may not use the device: it was forked.
    load : callable or None
        As ``memories.write``, while nothing runs; a simulated board takes it past the link.

    Attributes
    ----------
    lock : RLock
        To be held from the first write of an inference to the last read.
    stream : Stream or None
        Whose images are under way between two holds of the lock.
    holder : object
        Whose program this process loaded last.
    """

    name: str
    config: Config
    memories: Device
    traffic: Callable[[], LinkProfile] = LinkProfile
    cycles: Callable[[], int] | None = None
    close: Callable[[], Any] = field(default=lambda: None)
    marks: "Marks | None" = None
    queue: Queue | None = None
    clock_hz: int = 0
    check: Callable[[], object] = field(default=lambda: None)
    load: Callable[[Region, int, bytes], None] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, init=False)
    holder: object = field(default=None, init=False)
    stream: Stream | None = field(default=None, init=False)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Have the device to oneself, with nothing under way."""
        self.check()
        with self.lock:
            if self.stream is not None:
                self.stream.interrupt()
            yield


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
    from weft.driver.transports import open_transport

    def stage(text: str) -> None:
        report(text)

    return open_over(open_transport(name, config, progress=stage), config, name=name)


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
        transport.check_process,
        load=board.load,
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

"""An accelerator at hand: its memories, its link, and what may be asked of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from weft_hw.contract.config import Config
from weft_hw.contract.memory_map import Region

from weft.driver.cutter import Block, UnitRange
from weft.forks import ThreadLock
from weft.runtime.execute import Memories
from weft.runtime.profile import LinkProfile

__all__ = ["Marks", "OpenDevice", "Queue", "Stream"]


class Queue(Protocol):
    """Requests carried out in order, later than they are queued; see the driver's pipeline."""

    def run(self, first: int, count: int) -> None:
        """Queue a run; what follows is carried out while it is under way, but for another run."""
        ...

    def exchange(self, reads: Sequence[UnitRange], writes: Sequence[Block]) -> list[Any]:
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
    memories : Memories
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
        Raises :class:`LinkError` once the device was closed, or in a fork of its owner.
    load : callable or None
        As ``memories.write``, while nothing runs; a simulated board takes it past the link.
    expect : callable
        Says how many cycles a run to come may take, so that the link waits for it.

    Attributes
    ----------
    lock : ThreadLock
        To be held from the first write of an inference to the last read.
    stream : Stream or None
        Whose images are under way between two holds of the lock.
    holder : object
        Whose program this process loaded last.
    """

    name: str
    config: Config
    memories: Memories
    traffic: Callable[[], LinkProfile] = LinkProfile
    cycles: Callable[[], int] | None = None
    close: Callable[[], Any] = field(default=lambda: None)
    marks: "Marks | None" = None
    queue: Queue | None = None
    clock_hz: int = 0
    check: Callable[[], object] = field(default=lambda: None)
    load: Callable[[Region, int, bytes], None] | None = None
    expect: Callable[[int], object] = field(default=lambda cycles: None)
    lock: ThreadLock = field(default_factory=ThreadLock, init=False)
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

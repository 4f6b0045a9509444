"""What becomes of locks and links in a forked process: it has one thread, and a copy of each file.

A lock that another thread held would be held there for ever, and a copy of a link would keep it
from others when its owner has long closed it.
"""

import os
import threading
from typing import Protocol
from weakref import WeakSet

__all__ = ["ThreadLock", "tell_of_forks"]


class Forked(Protocol):
    """Something that has to change in a forked process."""

    def in_fork(self) -> None:
        """Become what it is to be there."""
        ...


_known: WeakSet[Forked] = WeakSet()


def tell_of_forks(thing: Forked) -> None:
    """Call ``thing.in_fork()`` at the beginning of each process forked from this one."""
    _known.add(thing)


def _tell_all() -> None:
    for thing in _known:
        thing.in_fork()


if hasattr(os, "register_at_fork"):  # there are no forks on Windows
    os.register_at_fork(after_in_child=_tell_all)


class ThreadLock:
    """Lets threads take turns, as ``threading.RLock`` does; it begins free in a forked process."""

    def __init__(self):
        self._lock = threading.RLock()
        self._held: list[threading.RLock] = []  # an older one where a fork's thread held it
        tell_of_forks(self)

    def acquire(self, *, blocking: bool = True) -> bool:
        """Take it, once more if this thread has it; False if not ``blocking`` and another has."""
        lock = self._lock
        taken = lock.acquire(blocking)
        if taken:
            self._held.append(lock)
        return taken

    def release(self) -> None:
        """Let go of it."""
        self._held.pop().release()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def in_fork(self) -> None:
        """Begin free."""
        self._lock = threading.RLock()

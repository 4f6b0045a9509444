"""Places on the chip for what comes and goes: a ring in which each place has a last user."""

from dataclasses import dataclass

__all__ = ["Room", "Rooms"]


@dataclass(eq=False)
class Room:
    """Some units of a memory, in use until piece number ``last`` is listed."""

    base: int
    size: int
    last: int


class Rooms:
    """Gives out rooms one behind the other, and begins again at the start."""

    def __init__(self, first: int, size: int):
        self.first, self.size = first, size
        self._next, self._rooms = first, list[Room]()

    def restrict(self, first: int, size: int) -> None:
        """Give out rooms between other bounds from now on."""
        if (first, size) != (self.first, self.size):
            self.first, self.size, self._next = first, size, first

    def rewind(self) -> None:
        """Begin again at the start, so that rooms lie without gaps."""
        self._next = self.first

    def take(self, size: int, last: int, listed: int) -> Room | None:
        """Return a room for use until piece ``last``, None if there is none yet.

        What is in use until piece ``listed`` at most may be overwritten.
        """
        self._rooms = [room for room in self._rooms if room.last > listed]
        starts = (self._next, self.first) if self._next != self.first else (self.first,)
        for base in starts:
            if base + size > self.first + self.size:
                continue
            if any(
                room.base < base + size and base < room.base + room.size for room in self._rooms
            ):
                continue
            room = Room(base, size, last)
            self._rooms.append(room)
            self._next = base + size
            return room
        return None

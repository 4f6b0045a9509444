"""Requests sent ahead: a board that always has the next thing to do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weft.driver.board import Block, Board, Place
from weft.driver.link import Call, ReplyLost

__all__ = ["Pipeline", "Ticket"]


@dataclass(frozen=True)
class Ticket:
    """Reads under way: the calls of each place's pieces."""

    calls: tuple[tuple[Place, Call], ...]


class Pipeline:
    """Queues requests on a board, which carries them out in order, and returns at once.

    A run starts as soon as the run before has ended; what is queued behind it is carried out
    while it is under way. So a read behind a run sees what the run *before* that one wrote.

    Parameters
    ----------
    board : Board
    """

    def __init__(self, board: Board):
        self.board = board

    def write(self, blocks: Iterable[Block]) -> None:
        """Queue writes."""
        self.board.queue(writes=blocks)

    def run(self, first: int, count: int) -> None:
        """Queue a run of descriptors."""
        self.board.queue(run=(first, count))

    def read(self, places: Sequence[Place]) -> Ticket:
        """Queue reads; :meth:`collect` gives what they bring."""
        return Ticket(tuple(self.board.queue(reads=places)))

    def collect(self, ticket: Ticket) -> bytes | None:
        """Return all that was read, in one piece; None if a reply was lost.

        The memory may have changed since, so that asking again is no way out.

        Raises
        ------
        LinkError
            If the board does not answer, or refused anything that was queued before.
        """
        try:
            return b"".join(self.board.finish(call) for _, call in ticket.calls)
        except ReplyLost:
            return None

    def settle(self) -> int:
        """Wait until everything is carried out; return the cycles of the last run."""
        return self.board.wait()

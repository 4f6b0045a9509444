"""Requests sent ahead: a board that always has the next thing to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from weft.driver.board import Block, BoardDriver, UnitRange
from weft.driver.call import Call, ReplyLost
from weft.errors import LinkError

__all__ = ["Pipeline", "Ticket"]


@dataclass(frozen=True)
class Ticket:
    """A read under way, and in which of the link's sessions."""

    session: int
    calls: tuple[Call, ...]


class Pipeline:
    """Queues requests on a board, which carries them out in order, and returns at once.

    A run begins when the run before has ended; what is queued behind it is carried out while it is
    under way. So a read that is queued behind a run finds what the run *before* that one left.

    Parameters
    ----------
    board : BoardDriver
    """

    def __init__(self, board: BoardDriver):
        self.board = board

    def run(self, first: int, count: int) -> None:
        """Queue a run of descriptors."""
        self.board.queue(run=(first, count))

    def exchange(self, reads: Sequence[UnitRange], writes: Sequence[Block]) -> list[Ticket]:
        """Queue reads and writes in turns; nothing may be written where something is read."""
        calls = self.board.exchange(writes, reads)
        return [Ticket(self.board.session, tuple(group)) for group in calls]

    def collect(self, ticket: Ticket) -> bytes | None:
        """Return what was read; None if a reply was lost.

        The memory may have changed since, so that asking again is no way out.

        Raises
        ------
        LinkError
            If the board does not answer, or refused anything that was queued before.
        """
        if ticket.session != self.board.session:
            raise LinkError("the link broke while images were under way")
        try:
            return b"".join(self.board.finish(call) for call in ticket.calls)
        except ReplyLost:
            return None

    def settle(self) -> None:
        """Wait until everything is carried out."""
        self.board.wait()

"""A request under way, and what can become of its reply."""

from dataclasses import dataclass

from weft_hw.contract.packet import HEADER_BYTES, Request

from weft.errors import LinkError

__all__ = ["Call", "ReplyLost"]


class ReplyLost(LinkError):
    """A request was carried out, but its reply was lost; asking again is up to the caller."""


@dataclass
class Call:
    """A request under way.

    Attributes
    ----------
    kind : Request
    content : bytes
        Its fields and data.
    sequence : int or None
        Its number, from the moment it is first sent.
    reply : bytes or None
        The reply's fields and data once it has come; none if ``lost``.
    """

    kind: Request
    content: bytes
    sequence: int | None = None
    reply: bytes | None = None
    lost: bool = False

    @property
    def done(self) -> bool:
        """Whether the board carried it out."""
        return self.lost or self.reply is not None

    @property
    def frame(self) -> bytes:
        """The frame's content: type, sequence number, body."""
        return bytes([self.kind, self.sequence or 0]) + self.content

    @property
    def size(self) -> int:
        """Bytes that it takes in the board's buffer."""
        return HEADER_BYTES + len(self.content)

"""Requests of one board: what each sends, and what its reply must be."""

from collections.abc import Iterable

from weft_hw.contract.config import Config
from weft_hw.contract.fields import unpack
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import REPLY_FIELDS, Request

from weft.driver.call import Call, ReplyLost
from weft.driver.link import Link
from weft.driver.pieces import Block, Piece, Pieces, Span
from weft.errors import LinkError

__all__ = ["Requests"]


class Requests:
    """Puts requests on the link; a reply that was lost is asked for again where that is safe.

    Parameters
    ----------
    link : Link
    config : Config

    Attributes
    ----------
    pieces : Pieces
        What cuts blocks and spans into requests.
    run : int
        Number of the last run.
    """

    def __init__(self, link: Link, config: Config):
        self._link, self.pieces, self.run = link, Pieces(config), 0

    def cut_blocks(self, blocks: Iterable[Block]) -> list[Piece]:
        """Return the pieces of blocks, each of which fits a request.

        Raises
        ------
        ValueError
            If a block is not a whole number of units, or leaves its memory.
        """
        size = self._link.payload_bytes
        return [piece for block in blocks for piece in self.pieces.of_block(block, size)]

    def cut_spans(self, spans: Iterable[Span]) -> list[list[Span]]:
        """Return for each span the pieces of it that fit a request.

        Raises
        ------
        ValueError
            If a span leaves its memory.
        """
        size = self._link.payload_bytes
        return [list(self.pieces.of_span(span, size)) for span in spans]

    def submit_run(self, first: int, count: int) -> Call:
        """Start descriptors ``first`` to ``first + count - 1``."""
        self.pieces.check_run(first, count)
        self.run = (self.run + 1) % (1 << 16)
        return self._link.submit(Request.RUN, {"first": first, "count": count, "run": self.run})

    def submit_wait(self) -> Call:
        """Ask for an answer when the engine is idle."""
        return self._link.submit(Request.WAIT)

    def submit_write(self, piece: Piece) -> Call:
        """Write a piece of a block."""
        fields = self._place(piece.region, piece.address, piece.units)
        if not piece.channels:
            return self._link.submit(Request.WRITE, fields, piece.data)
        fields |= {"channels": piece.channels, "packing": piece.packing}
        return self._link.submit(Request.PIXELS, fields, piece.data)

    def submit_read(self, span: Span) -> Call:
        """Read a piece of a span."""
        return self._link.submit(Request.READ, self._place(*span))

    @staticmethod
    def _place(region: Region, address: int, units: int) -> dict[str, int]:
        return {"region": region, "address": address, "count": units}

    def finish_wait(self, call: Call, timeout: float) -> int:
        """Return the cycles of the run that ended."""
        while True:
            try:
                reply = self._link.finish(call, timeout)
            except ReplyLost:
                call = self.submit_wait()
                continue
            fields = unpack(REPLY_FIELDS[Request.WAIT], int.from_bytes(reply, "little"))
            if fields["run"] != self.run:
                raise LinkError(f"the board ended run {fields['run']}, not {self.run}")
            return fields["cycles"]

    def finish_read(self, span: Span, call: Call, timeout: float) -> bytes:
        """Return the units of a span."""
        expected = span.units * self.pieces.unit_bytes(span.region)
        while True:
            try:
                data = self._link.finish(call, timeout)
            except ReplyLost:
                call = self.submit_read(span)
                continue
            if len(data) != expected:
                raise LinkError(f"the board sent {len(data)} bytes, not {expected}")
            return data

    def status(self) -> dict[str, int]:
        """Return the fields of the STATUS reply."""
        while True:
            try:
                reply = self._link.finish(self._link.submit(Request.STATUS))
            except ReplyLost:
                continue
            return unpack(REPLY_FIELDS[Request.STATUS], int.from_bytes(reply, "little"))

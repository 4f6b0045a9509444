"""Requests of one board: what each sends, and what its reply must be."""

from collections.abc import Iterable

from weft_hw.contract.config import Config
from weft_hw.contract.fields import unpack
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import REPLY_FIELDS, Request

from weft.driver.call import Call, ReplyLost
from weft.driver.cutter import Block, RequestCutter, UnitRange, WriteRequest
from weft.driver.link import Link
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
    cutter : RequestCutter
        Cuts writes and reads into requests.
    run : int
        Number of the last run.
    """

    def __init__(self, link: Link, config: Config):
        self._link, self.cutter, self.run = link, RequestCutter(config), 0

    def cut_writes(self, blocks: Iterable[Block]) -> list[WriteRequest]:
        """Return the write requests of blocks.

        Raises
        ------
        ValueError
            If a block is not a whole number of units, or leaves its memory.
        """
        size = self._link.payload_bytes
        return [request for block in blocks for request in self.cutter.writes(block, size)]

    def cut_reads(self, wanted: Iterable[UnitRange]) -> list[list[UnitRange]]:
        """Return for each range the parts of it that fit a request.

        Raises
        ------
        ValueError
            If a range leaves its memory.
        """
        size = self._link.payload_bytes
        return [list(self.cutter.reads(units, size)) for units in wanted]

    def submit_run(self, first: int, count: int) -> Call:
        """Start descriptors ``first`` to ``first + count - 1``."""
        self.cutter.check_run(first, count)
        self.run = (self.run + 1) % (1 << 16)
        return self._link.submit(Request.RUN, {"first": first, "count": count, "run": self.run})

    def submit_wait(self) -> Call:
        """Ask for an answer when the engine is idle."""
        return self._link.submit(Request.WAIT)

    def submit_write(self, request: WriteRequest) -> Call:
        """Write a part of a block."""
        fields = self._place(request.region, request.address, request.units)
        if not request.channels:
            return self._link.submit(Request.WRITE, fields, request.data)
        fields |= {"channels": request.channels, "packing": request.packing}
        return self._link.submit(Request.PIXELS, fields, request.data)

    def submit_read(self, wanted: UnitRange) -> Call:
        """Read units that fit a request."""
        return self._link.submit(Request.READ, self._place(*wanted))

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

    def finish_read(self, wanted: UnitRange, call: Call, timeout: float) -> bytes:
        """Return the bytes of the units that ``call`` asked for."""
        expected = wanted.units * self.cutter.unit_bytes(wanted.region)
        while True:
            try:
                data = self._link.finish(call, timeout)
            except ReplyLost:
                call = self.submit_read(wanted)
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

"""The driver: memories, runs and counters of one board, over whichever transport."""

import time
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import Request

from weft.driver.call import Call
from weft.driver.cutter import Block, UnitRange
from weft.driver.open_board import OpenBoard

__all__ = ["Block", "BoardDriver", "UnitRange"]


class BoardDriver(OpenBoard):
    """A board that runs programs compiled for ``config``. Threads may share it; calls queue up.

    Parameters
    ----------
    transport : Transport
        The link to it; closed with the board.
    config : Config
    timeout : float, optional
        Seconds after which an unanswered request is sent again.
    retries : int, optional
        How often in a row.
    run_timeout : float, optional
        Seconds that a run may take beyond what :meth:`expect` was told.

    Attributes
    ----------
    clock_hz : int
        Of the board; 0 in simulation.

    Raises
    ------
    LinkError
        If nothing answers.
    DeviceMismatch
        If the board is built from another configuration or contract.
    """

    def write(self, region: Region, address: int, data: bytes):
        """Write whole units from unit ``address`` on; returns once the board has them all.

        Raises
        ------
        ValueError
            If ``data`` is not a whole number of units, or leaves the memory.
        LinkError
            If the board does not answer.
        """
        self.execute(writes=[Block(region, address, data)])

    def load(self, region: Region, address: int, data: bytes):
        """As :meth:`write`, of a board that is idle; past the link where the transport can."""
        if not self.transport.loads:
            return self.write(region, address, data)
        with self._working():
            self._requests.cut_writes([Block(region, address, data)])  # judges it
            self.transport.load(region, address, data, self._requests.cutter.unit_bytes(region))

    def read(self, region: Region, address: int, count: int) -> bytes:
        """Return ``count`` units from unit ``address`` on.

        Raises
        ------
        ValueError
            If they leave the memory.
        LinkError
            If the board does not answer.
        """
        return self.execute(reads=[UnitRange(region, address, count)])[1][0]

    def run(self, first: int, count: int) -> int:
        """Start descriptors ``first`` to ``first + count - 1``; return the run's number."""
        with self._working():
            call = self._requests.submit_run(first, count)
            self._link.finish(call, self.run_timeout)
            return self._requests.run

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the engine is idle; return the cycles of the run that ended."""
        with self._working():
            call = self._requests.submit_wait()
            return self._requests.finish_wait(call, timeout or self.run_timeout)

    def execute(
        self,
        writes: Iterable[Block] = (),
        run: tuple[int, int] | None = None,
        reads: Sequence[UnitRange] = (),
        *,
        timeout: float | None = None,
    ) -> tuple[int, list[bytes]]:
        """Write, run and read in one go, without a pause on the link in between.

        Parameters
        ----------
        writes : iterable of Block
        run : (first, count), optional
            Descriptors to run after the writes.
        reads : sequence of UnitRange
            What to read after the run.
        timeout : float, optional
            Seconds that the run may take.

        Returns
        -------
        cycles : int
            Those of the run; 0 without one.
        data : list of bytes
            For each range, the bytes of its units.
        """
        requests, patience = self._requests, self.run_timeout
        with self._working():
            # Everything is judged before anything is sent.
            if run is not None:
                requests.cutter.check_run(*run)
            blocks, wanted = requests.cut_writes(writes), requests.cut_reads(reads)
            calls = [requests.submit_write(block) for block in blocks]
            wait = None
            if run is not None:
                calls.append(requests.submit_run(*run))
                wait = requests.submit_wait()
            asked = [[(part, requests.submit_read(part)) for part in group] for group in wanted]
            for call in calls:
                self._link.finish(call, timeout or patience)
            cycles = requests.finish_wait(wait, timeout or patience) if wait else 0
            finish = requests.finish_read
            return cycles, [
                b"".join(finish(part, call, patience) for part, call in group) for group in asked
            ]

    def queue(
        self,
        writes: Iterable[Block] = (),
        run: tuple[int, int] | None = None,
        reads: Sequence[UnitRange] = (),
    ) -> list[Call]:
        """Queue requests in this order and return at once, with the calls of the reads.

        Nothing waits for the end of the run; the reads see memory while it is under way.
        """
        requests = self._requests
        with self._working():
            if run is not None:
                requests.cutter.check_run(*run)
            blocks, wanted = requests.cut_writes(writes), requests.cut_reads(reads)
            for block in blocks:
                requests.submit_write(block)
            if run is not None:
                requests.submit_run(*run)
            return [requests.submit_read(part) for group in wanted for part in group]

    def exchange(self, writes: Iterable[Block], reads: Sequence[UnitRange]) -> list[list[Call]]:
        """Queue reads and writes in turns, so that both ways of the link carry data at a time.

        Returns the calls of each read. Nothing may be written where something is read.
        """
        requests = self._requests
        with self._working():
            blocks, wanted = requests.cut_writes(writes), requests.cut_reads(reads)
            parts = [(group, part) for group, parts in enumerate(wanted) for part in parts]
            calls: list[list[Call]] = [[] for _ in wanted]
            for read, block in zip_longest(parts, blocks):
                if read is not None:
                    calls[read[0]].append(requests.submit_read(read[1]))
                if block is not None:
                    requests.submit_write(block)
            return calls

    def finish(self, call: Call) -> bytes:
        """Wait for the reply to a call that :meth:`queue` returned.

        Raises
        ------
        LinkError
            If the board does not answer, or refused this or an earlier request.
        ReplyLost
            If the request was carried out, but the reply was lost.
        """
        with self._lock:
            self.check()
            start = time.monotonic()
            try:
                return self._link.finish(call, self.run_timeout)
            finally:
                self.statistics.seconds += time.monotonic() - start

    def status(self) -> dict[str, int]:
        """Return the fields of the STATUS reply (``docs/protocol.md``)."""
        with self._working():
            return self._requests.status()

    def label(self, value: int):
        """Mark what the memories hold; STATUS tells until a memory of the program is written."""
        with self._working():
            self._link.finish(self._link.submit(Request.LABEL, {"label": value}))

"""An open board: its link, held by one thread at a time, and whether it is the right board."""

import time
from contextlib import contextmanager
from dataclasses import replace

from weft_hw.contract.config import Config
from weft_hw.contract.fingerprint import config_of, fingerprint

from weft.driver.frames import LinkStatistics
from weft.driver.link import Link
from weft.driver.requests import Requests
from weft.driver.transports.base import Transport
from weft.errors import DeviceMismatch, LinkError
from weft.forks import ThreadLock

__all__ = ["OpenBoard"]

_SIMULATED_HZ = 100_000  # what a simulated board at least does, where it is served, too


class OpenBoard:
    """What :class:`~weft.driver.board.BoardDriver` opens, closes and holds; parameters are its."""

    def __init__(
        self,
        transport: Transport,
        config: Config,
        *,
        timeout: float = 0.5,
        retries: int = 8,
        run_timeout: float = 10.0,
    ):
        self.transport, self.config = transport, config
        self.run_timeout = self._least_timeout = run_timeout
        self._link = Link(transport, timeout, retries)
        self._requests = Requests(self._link, config)
        self._lock = ThreadLock()
        self._closed = False
        self.clock_hz = self._session = 0
        try:
            self.reset()
        except BaseException:
            transport.close()
            raise

    @property
    def statistics(self) -> LinkStatistics:
        """What went over the link since the board was opened."""
        return self._link.statistics

    @property
    def session(self) -> int:
        """Number of the session, which is begun if there is none.

        Within one nobody else touches the board, and it does not lose power. When another one
        has begun, its memories may hold anything.
        """
        with self._working():
            return self._session

    def expect(self, cycles: int):
        """Give runs the time of ``cycles``, beyond what each run has without."""
        self.run_timeout = self._least_timeout + cycles / (self.clock_hz or _SIMULATED_HZ)

    def check(self):
        """Raise :class:`LinkError` once the board was closed, or in a fork of its owner."""
        self.transport.check_process()
        if self._closed:
            raise LinkError("the board was closed")

    @contextmanager
    def _working(self):
        """Have the link to oneself, and open."""
        with self._lock:
            self.check()
            start = time.monotonic()
            try:
                if not self._link.is_open:
                    self._open()
                yield
            finally:
                self.statistics.seconds += time.monotonic() - start

    def _open(self):
        facts = self._link.open()
        self._session += 1
        self.clock_hz = facts["clock_hz"]
        mine = fingerprint(self.config)
        if facts["fingerprint"] != mine:
            self._link.is_open = False
            other = config_of(facts["fingerprint"])
            raise DeviceMismatch(
                f"the board was built with fingerprint {facts['fingerprint']:016x}"
                + (f", which is {other}'s (--config {other})" if other else "")
                + f", but {self.config.name} has {mine:016x}"
                + self._why(facts["fingerprint"])
            )

    def _why(self, found: int) -> str:
        """Return the end of a sentence where the board lacks the memory beside its chip alone."""
        alone = replace(self.config, dram_bytes=0)
        if not self.config.dram_bytes or fingerprint(alone) != found:
            return ""
        return " with memory beside the chip, which this board has not"

    def reset(self):
        """Stop whatever the board does and start again; its memories keep their contents."""
        with self._lock:
            self.check()
            self._link.is_open = False
            with self._working():
                pass

    def close(self):
        """Give the transport back; further calls raise :class:`LinkError`."""
        with self._lock:
            self._closed, self._link.is_open = True, False
            self.transport.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
